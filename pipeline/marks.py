"""What Prefect's pages say of a run: its name with the outcome, tags, a table of the settings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from pipeline.console import result
from pipeline.outcomes import StageError
from pipeline.plan import Plan
from stages import folders

BROKEN = ("failed", "stopped", "postponed", "skipped")  # the first to be read


class Ended(NamedTuple):
    """How a setting ended, in a word, and what it failed of."""

    word: str
    error: StageError | None = None


def asked() -> str:
    """A flow run's name when it begins: the grid and the pattern of its settings."""
    given = flow_run.parameters or {}
    return " ".join([given.get("grid") or "top grid", *filter(None, [given.get("only")])])


def tags_of(grid: Plan, run: str) -> list[str]:
    """What a setting's tasks may be looked for by."""
    one = grid.settings.runs[run]
    return [grid.grid, one.task, one.algorithm, one.estimator, f"k={one.horizon}"]


def outcome_of(grid: Plan, ended: Mapping[str, Ended], failed: bool) -> str:
    """A flow run's name when it has ended, such as ``quick: 19 ran, 2 failed``.

    ``failed``: whether anything did, which may be what is no setting's, the report.
    """
    counts = Counter(one.word for one in ended.values())
    first = [word for word in BROKEN if word in counts]
    words = [*[word for word in counts if word not in BROKEN], *first]
    said = [f"{counts[word]} {word}" for word in words]
    said += ["report failed"] if failed and not first else []
    return f"{grid.grid}: {', '.join(said)}"


def rows(grid: Plan, ended: Mapping[str, Ended]) -> list[dict[str, str]]:
    """A row a setting, those with an error first."""
    found = [_row(grid, run, ended[run]) for run in grid.runs if run in ended]
    return sorted(found, key=lambda row: not row["error"])


def _row(grid: Plan, run: str, one: Ended) -> dict[str, str]:
    error = f"{one.error.stage}: {one.error.sentence}" if one.error else ""
    score = "" if one.error else result(grid.grid, run)
    cpu = "" if one.error else _cpu_seconds(grid.grid, run)
    return {"error": error, "setting": run, "state": one.word, "result": score, "CPU s": cpu}


def _cpu_seconds(grid: str, run: str) -> str:
    """Of training, as it was recorded; empty without a record."""
    path = folders.record(grid, run) / "record.json"
    try:
        return f"{json.loads(path.read_text())['train_cpu_seconds']:.1f}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def mark(grid: Plan, ended: Mapping[str, Ended], errors: Sequence[StageError]) -> None:
    """Name and tag the flow run by what came of it, and publish the table of its settings."""
    words = [f"{error.stage}: {error.sentence}" for error in dict.fromkeys(errors)]
    create_table_artifact(
        rows(grid, ended), key=f"{grid.grid}-settings", description="\n\n".join(words) or None
    )
    one = flow_run.id
    if one is not None:
        with get_client(sync_client=True) as client:
            client.update_flow_run(
                one, name=outcome_of(grid, ended, bool(errors)), tags=[grid.grid]
            )
