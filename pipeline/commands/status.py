"""Which settings of a grid are up to date, at work, or still to do: ``lazyleap status``."""

from __future__ import annotations

import fcntl
from pathlib import Path

from pipeline.commands.answers import Answer, table
from pipeline.console import result
from pipeline.plan import CHAIN, Plan, plan
from stages.reporting.wording import plural

DONE, AT_WORK = "up to date", "at work"
SCRATCH = Path(".scratch")


def status(grid: str | None) -> Answer:
    """Of each run its name, its state and, if it is up to date, its result."""
    chosen = plan(grid)
    stale = chosen.stale()
    rows = [_row(chosen, run, stale) for run in chosen.runs]
    done = sum(row["state"] == DONE for row in rows)
    line = f"grid {chosen.grid}: {done} of {plural(len(rows), 'setting')} {DONE}"
    shown = table(("run", "state", "result"), [tuple(row.values()) for row in rows])
    return Answer({"grid": chosen.grid, "settings": rows}, (shown, line))


def _row(chosen: Plan, run: str, stale: set[str] | None) -> dict[str, str]:
    state = _state(chosen, run, stale)
    return {
        "run": run,
        "state": state,
        "result": result(chosen.grid, run) if state == DONE else "",
    }


def _state(chosen: Plan, run: str, stale: set[str] | None) -> str:
    works = list((SCRATCH / chosen.grid / run).glob("*/lock"))
    if any(map(_held, works)):
        return AT_WORK
    if stale is None:
        return "unknown to DVC"
    before = [next(iter(chosen.head())), *chosen.needs(run)]
    if waits := next((name for name in before if name in stale), None):
        return f"waits for {waits}"
    stage = next((name for name in chosen.chain(run) if name in stale), None)
    if stage is None:
        return DONE
    first = stage.rpartition(":")[2].partition("@")[0]
    stopped = first == CHAIN[0] and any((w.parent / "checkpoint.pt").is_file() for w in works)
    return f"to {first}" + (" on from a checkpoint" if stopped else "")


def _held(lock: Path) -> bool:
    """Whether a process holds the lock of a work in progress."""
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
