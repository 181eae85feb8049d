"""The model card: the file's own facts, for people."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from lazyleap.onnx.parity import Check

CHECKED = """
The graph decides, in float64. In float32 rounding moves the answers, in ONNX Runtime as in PyTorch:
the last column says by how much PyTorch's own differ from its float64.
"""
NOTHING = "This method learns nothing, so there is no model to export.\n"


def card(facts: Mapping[str, str], words: str, checks: Sequence[Check]) -> str:
    """Markdown of :func:`lazyleap.onnx.metadata.facts` and of the checks.

    ``words`` is what the kind of task says of its files.
    """
    parts = [
        f"# {plain(facts['run'])}\n",
        words,
        _checks(checks) if checks else "",
        _facts(facts),
        "## Data\n\n{dataset}. Licence: {licence}. Cite: {citation}\n".format(
            **{key: plain(facts[key]) for key in ("dataset", "licence", "citation")}
        ),
    ]
    return "\n".join(part for part in parts if part)


def plain(words: str) -> str:
    """Anyone's words as Markdown that shows them, on one line: no tags, links, code or columns."""
    shown = html.escape(" ".join(words.split()), quote=False)
    return re.sub(r"([\\|`\[\]])", r"\\\1", shown)


def percent(value: float, low: float, high: float) -> str:
    """A share of 1 with the ends of its interval."""
    return f"{100 * value:.1f} ({100 * low:.1f} .. {100 * high:.1f}) %"


def _checks(checks: Sequence[Check]) -> str:
    names = ("file", "what", "by", "cases", "largest difference", "allowed", "PyTorch's float32")
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    lines += [
        f"| `{c.file}` | {c.what} | {c.runtime} | {c.cases} | {c.max_abs_diff:.1e} "
        f"| {_number(c.tolerance, 'told, not judged')} | {_number(c.pytorch_gap, '')} |"
        for c in checks
    ]
    return "## Checked against PyTorch\n\n" + "\n".join(lines) + "\n" + CHECKED


def _number(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else f"{value:.1e}"


def _code(value: str) -> str:
    """In a cell of a table; what would end the code or the cell is written otherwise."""
    return "`" + " ".join(value.split()).replace("`", "'").replace("|", "\\|") + "`"


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(f"| {plain(name)} | {_code(value)} |\n" for name, value in facts.items())
    return f"## Facts (also in each file's `metadata_props`)\n\n| | |\n|---|---|\n{rows}"
