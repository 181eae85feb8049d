"""What ``lazyleap study`` found, as the beginning of a page of docs/results/."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lazyleap.errors import InputError
from stages.reporting.tables import csv_text

HEADS = ("setting", "score", "difference", "95% interval", "p (Holm)", "seeds", "CPU s",
         "inner steps", "verdict")  # fmt: skip
Records = Sequence[Mapping[str, Any]]


def page(found: Mapping[str, Any], run: str, records: Records) -> str:
    """Command, commit and hardware, a table a measure, and how to read them."""
    grid = found["grid"]
    titles = dict.fromkeys((row["metric"], row["title"]) for row in found["rows"])
    tables = [
        f"## {title[:1].upper()}{title[1:]}\n\n{_table(found['rows'], metric)}"
        for metric, title in titles
    ]
    missing = f"Not finished: {', '.join(found['missing'])}." if found["missing"] else ""
    head = [
        f"# {grid}: each setting against {found['against']}",
        f"    lazyleap run --grid {grid}\n    lazyleap study judge {grid} --against {run}",
        f"Commit {_each(records, 'commit')}; {_machines(records)}. {HOW} {missing}".strip(),
    ]
    return "\n\n".join([*head, *tables]) + "\n"


HOW = (
    "Differences are paired over seeds and test items; the intervals are t-intervals over seeds "
    "and those over test items joined, and p is corrected for the settings compared (Holm). Inner "
    "steps: of a task in a whole training. Pays, does not: decided at the 5% level."
)


def _table(rows: Iterable[Mapping[str, Any]], metric: str) -> str:
    return markdown(HEADS, (row["words"] for row in rows if row["metric"] == metric))


COLUMNS = ("metric", "setting", "value", "difference", "low", "high", "p", "adjusted", "seeds",
           "items", "cpu_seconds", "inner_steps", "equal_compute", "verdict")  # fmt: skip


def numbers(rows: Iterable[Mapping[str, Any]]) -> str:
    """The same as a CSV file, in the metric's own unit; a control has no difference."""
    return csv_text(COLUMNS, ({key: row[key] for key in COLUMNS} for row in rows))


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of words."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _each(records: Records, key: str) -> str:
    """The values that runs have, as one run has it or several."""
    said = (f"{one.get(key, 'unknown')}"[:60] for one in records)
    unclean = any(one.get("dirty") for one in records) and key == "commit"
    return ", ".join(dict.fromkeys(said)) + (" with uncommitted changes" if unclean else "")


def _machines(records: Records) -> str:
    """The processors or GPUs, with what torch's kernels use of them: one name has several kinds."""
    said = ((one.get("hardware", "unknown"), one.get("instruction_set")) for one in records)
    words = (f"{name} ({kind})" if kind else f"{name}" for name, kind in said)
    return ", ".join(dict.fromkeys(word[:100] for word in words))


def write(files: Mapping[Path, str]) -> None:
    """New files; InputError if one is there already, which somebody may have written on."""
    for path in files:
        if path.exists():
            raise InputError(f"{path}: is there already; choose another name")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
