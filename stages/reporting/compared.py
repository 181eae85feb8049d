"""Estimators beside the exact gradient, where ``stages.fidelity`` was asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field as Held

from lazyleap import records
from lazyleap.noted import REFERENCE
from lazyleap.report import Cell, Chart, Column, Field, Table
from lazyleap.results import Group, Score
from stages import folders

Within = Annotated[float, Held(ge=-1.001, le=1.001, allow_inf_nan=False)]


class _Row(records.Record):
    estimator: str
    cosine: Within | None
    low: Within | None
    high: Within | None
    ratio: records.Size | None
    cpu_ms: records.Size | None
    min_factor: records.Number | None
    refused: str


class _Compared(records.Record):
    """What every such file has."""

    run: str
    tasks: int
    rows: list[_Row]


def rows(grid: str, groups: Sequence[Group]) -> list[dict[str, Any]]:
    """A row a run and estimator, of the runs that were compared; refused ones left out."""
    found = []
    for run in (run for group in groups for run in group.runs):
        path = folders.fidelity(grid, run.name)
        if path.is_file():
            read = records.read(path, _Compared)
            kept = [{"run": run.name} | row for row in read["rows"] if not row["refused"]]
            found += _beside_exact(kept)
    return found


def _beside_exact(kept: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """With ``share``: of the exact gradient's time at the same theta."""
    exact = next((row["cpu_ms"] for row in kept if row["estimator"] == REFERENCE), None)
    return [row | {"share": row["cpu_ms"] / exact if exact else None} for row in kept]


def table(found: Sequence[dict[str, Any]]) -> Table:
    """Cosine, length and cost, by run."""
    columns = [
        Column("run", "at the theta of"),
        Column("estimator", "estimator"),
        Column("cosine", "cosine with the exact gradient"),
        Column("ratio", "its length, of the exact one"),
        Column("cpu", "CPU ms a task"),
        Column("share", "CPU time, of the exact one's"),
        Column("least", "smallest factor"),
    ]
    cells: list[dict[str, Cell]] = [
        {"run": row["run"], "estimator": row["estimator"], "ratio": row["ratio"]}
        | {"cosine": Score(row["cosine"], row["low"], row["high"])}
        | {"cpu": row["cpu_ms"], "share": row["share"], "least": row["min_factor"]}
        for row in found
    ]
    return Table("fidelity", "Gradients beside the exact one", columns, cells, _NOTE)


_NOTE = (
    "On validation tasks, each by itself; in brackets 95% t-intervals over these. A cosine near 1 "
    "at less time is what to train with; how much bias a training bears, only training tells."
)


def charts(found: Sequence[dict[str, Any]]) -> list[Chart]:
    """Cosine against time; none where nothing was compared."""
    drawn = [
        {"run": row["run"], "estimator": row["estimator"], "share": row["share"]}
        | {"value": row["cosine"], "low": row["low"], "high": row["high"]}
        for row in found
        if row["share"] is not None
    ]
    if not drawn:
        return []
    return [
        Chart(
            "fidelity",
            "Cosine with the exact gradient against CPU time",
            "Higher is better. Bars: 95% intervals over validation tasks.",
            "point",
            drawn,
            Field("share", "CPU time, of the exact gradient's at the same theta", format=".2~r"),
            Field("value", "cosine with the exact gradient", format=".3~r"),
            Field("estimator", "estimator", "nominal"),
            tooltip=(Field("run", "at the theta of", "nominal"),),
        )
    ]
