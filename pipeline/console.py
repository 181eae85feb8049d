"""A calm terminal: one line a setting with state, progress, time left and result.

Finished settings stay above as plain lines; those at work are redrawn below them. Without a
terminal only the finished lines are written, and now and then a line that says what is at work.
"""

from __future__ import annotations

import csv
import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stages import folders

HEARTBEAT = 30.0  # seconds between lines about what is at work, without a terminal
PROGRESS = re.compile(r"^(\w+) (\S+) (\d+)/(\d+) (\d+)% eta (\S+)(.*)$")
ENDS = ("value", "low", "high")
COLUMNS = {  # of summary.csv -> their headings; what all settings share is left out
    "run": "run",
    "task": "task",
    "horizon": "k",
    "options": "options",
    "metric": "metric",
    "value": "value",
    "train_cpu_seconds": "CPU s",
    "peak_memory_mib": "MiB",
}
STYLES = {
    "done": "green",
    "cached": "bright_blue",
    "failed": "red",
    "postponed": "yellow",
    "skipped": "dim",
}


class Watcher(Protocol):
    """Hears what becomes of each setting (or of the "data" before and the "report" after them)."""

    def begin(self, name: str, stage: str) -> None:
        """A stage of the line starts."""

    def hear(self, name: str, line: str) -> None:
        """A stage of the line wrote something."""

    def end(self, name: str, state: str, note: str) -> None:
        """The line is finished: done, cached, failed or postponed."""


class Silent:
    """Watches nothing: served flows are looked at in Prefect's own pages."""

    def begin(self, name: str, stage: str) -> None:
        """See :class:`Watcher`."""

    def hear(self, name: str, line: str) -> None:
        """See :class:`Watcher`."""

    def end(self, name: str, state: str, note: str) -> None:
        """See :class:`Watcher`."""


watcher: ContextVar[Watcher] = ContextVar("watcher")


def watching() -> Watcher:
    """Who watches this run."""
    return watcher.get(_SILENT)


_SILENT = Silent()


@dataclass
class _Row:
    stage: str
    began: float = field(default_factory=time.monotonic)
    percent: int = 0
    eta: str = ""
    rest: str = ""

    def words(self) -> str:
        if not self.eta:
            return self.stage
        bar = ("█" * (self.percent // 5)).ljust(20, "░")
        return f"{self.stage:8} {bar} {self.percent:3d}%  eta {self.eta} {self.rest}"


class Terminal:
    """Writes the lines of a run; use :meth:`open` around it. Threads may call it at once."""

    def __init__(self, console: Console, names: list[str]) -> None:
        self.console, self.waiting = console, list(names)
        self.width = max((len(name) for name in names), default=0)
        self.ended: dict[str, str] = {}  # name -> state
        self._rows: dict[str, _Row] = {}
        self._lock = threading.Lock()
        self._spoke = time.monotonic()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Watch what happens inside."""
        token = watcher.set(self)
        try:
            if self.console.is_terminal:
                live = Live(
                    get_renderable=self.draw,
                    console=self.console,
                    transient=True,
                    redirect_stderr=False,
                )
                with live:
                    yield
            else:
                yield
        finally:
            watcher.reset(token)

    def begin(self, name: str, stage: str) -> None:
        """See :class:`Watcher`."""
        with self._lock:
            if name in self.waiting:
                self.waiting.remove(name)
            began = self._rows[name].began if name in self._rows else time.monotonic()
            self._rows[name] = _Row(stage, began)

    def hear(self, name: str, line: str) -> None:
        """See :class:`Watcher`."""
        found = PROGRESS.match(line)
        with self._lock:
            if found and (row := self._rows.get(name)):
                row.percent, row.eta, row.rest = int(found[5]), found[6], found[7]
            silent = time.monotonic() - self._spoke
        if silent > HEARTBEAT and not self.console.is_terminal:
            self._say(self.draw_plain())

    def end(self, name: str, state: str, note: str) -> None:
        """See :class:`Watcher`."""
        with self._lock:
            row = self._rows.pop(name, None)
            self.ended[name] = state
            if name in self.waiting:
                self.waiting.remove(name)
        took = f"{time.monotonic() - row.began:5.0f} s" if row and state == "done" else " " * 7
        style = STYLES.get(state, "default")
        line = f"{escape(name):{self.width}}  [{style}]{state:7}[/] {took}  {escape(note)}"
        self._say(line.rstrip())

    def draw(self) -> Group:
        """The lines at work, and how many wait."""
        with self._lock:
            lines = [f"{name:{self.width}}  {row.words()}" for name, row in self._rows.items()]
            if self.waiting:
                lines.append(f"{len(self.waiting)} waiting")
        return Group(*(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))

    def draw_plain(self) -> str:
        """The same on one line."""
        with self._lock:
            at_work = [f"{name} {row.words()}" for name, row in self._rows.items()]
            return escape(" | ".join([*at_work, f"{len(self.waiting)} waiting"]))

    def _say(self, line: str) -> None:
        self._spoke = time.monotonic()
        self.console.print(line, soft_wrap=True, highlight=False)


def result(grid: str, run: str) -> str:
    """The setting's primary metric, such as ``accuracy 61.9 (61.0 .. 62.8) %``; "" if none.

    Of attacks also the queries: a share alone hides what it cost. What is chance is marked.
    """
    path = folders.evaluated(grid, run) / "metrics.json"
    try:
        found = json.loads(path.read_text())
        name = found["primary"]
        score = _interval([found["metrics"][name][key] for key in ENDS], _unit(found, name))
        cost = found["metrics"].get("queries_mean_all")
        queries = f", {cost['value']:,.0f} queries (failures at the limit)" if cost else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    chance = ", at chance" if found.get("at_chance") else ""
    return f"{name} {score}{queries}{chance}"


def _unit(found: dict[str, Any], metric: str) -> str:
    unit: str = found.get("units", {}).get(metric, "")
    return unit


def _interval(score: Sequence[float], unit: str) -> str:
    """Value, low and high in their unit; in % where they have none and so are fractions of 1."""
    value, low, high = score if unit else (100 * end for end in score)
    return f"{value:.1f} ({low:.1f} .. {high:.1f}) {unit or '%'}"


def summary(path: Path) -> Table | None:
    """The report's summary.csv as a table of the columns that matter; ``None`` if not there."""
    if not path.exists():
        return None
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    shown = [name for name in COLUMNS if name in ("run", "value") or _differs(name, rows)]
    table = Table(title=str(path), title_justify="left", box=None, pad_edge=False)
    for name in shown:
        table.add_column(COLUMNS[name], no_wrap=True)
    for row in rows:
        table.add_row(*(escape(_cell(name, row)) for name in shown))
    return table


def _differs(name: str, rows: list[dict[str, str]]) -> bool:
    return len({row.get(name) for row in rows}) > 1 or name == "metric"


def _cell(name: str, row: dict[str, str]) -> str:
    text = row.get(name) or ""
    if name == "value" and text:
        return _interval([float(row.get(end) or "nan") for end in ENDS], row.get("unit") or "")
    return (
        f"{float(text):.0f}" if name in ("train_cpu_seconds", "peak_memory_mib") and text else text
    )
