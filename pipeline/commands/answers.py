"""What a command answers: for people and, with ``--json``, for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

WIDTH = 120  # columns where there is no terminal, and the table is no wider
WIDEST = 10_000


@dataclass(frozen=True)
class Answer:
    """``content``: all of it, plain; ``shown``: lines and tables; ``code``: to exit with."""

    content: Any
    shown: Sequence[str | Table] = field(default_factory=tuple)
    code: int = 0


def console(needed: int = 0) -> Console:
    """Where tables and lines go; as wide as ``needed`` where there is no terminal."""
    return Console(width=None if sys.stdout.isatty() else max(WIDTH, needed))


def give(answer: Answer, as_json: bool) -> None:
    """Print an answer and, if its code is not 0, exit with it."""
    if as_json:
        print(json.dumps(_plain(answer.content), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        for part in answer.shown:
            out = console() if isinstance(part, str) else _wide_enough(part)
            out.print(part, highlight=False, markup=False, soft_wrap=isinstance(part, str))
    if answer.code:
        sys.exit(answer.code)


def _wide_enough(part: Table) -> Console:
    """One that no column is cut off on: on a narrow terminal cells are wrapped."""
    needed = Console(width=WIDEST, height=1).measure(part).maximum  # both, or a dumb one has 80
    out = console(needed)
    if out.width < needed:
        for column in part.columns:
            column.no_wrap = False
    return out


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> Table:
    """Columns under their heads; the last may be wrapped."""
    found = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    found.show_header = any(heads)
    for i, head in enumerate(heads):
        found.add_column(head, no_wrap=i < len(heads) - 1, overflow="fold")
    for row in rows:
        found.add_row(*row)
    return found


def _plain(content: Any) -> Any:
    """With null for what is no number, which JSON does not have."""
    if isinstance(content, dict):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
