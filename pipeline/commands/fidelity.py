"""Estimators beside the exact gradient: ``lazyleap fidelity``."""

from __future__ import annotations

from lazyleap.report import Cell
from pipeline.commands.answers import Answer, table
from pipeline.plan import params_of
from stages.reporting.wording import shown


def fidelity(run: str, grid: str | None, tasks: int | None) -> Answer:
    """Compare at the theta of a finished run, on validation tasks.

    Raises:
        InputError: if the run is not trained, or its kind has nothing to compare on.
    """
    from stages import fidelity as program  # torch only where it is needed

    path = params_of(grid)
    found = program.measure(str(path), run, tasks)
    heads = ("estimator", "cosine", "95% interval", "length", "CPU ms a task", "smallest factor")
    rows = [
        (
            one.estimator,
            _said(one.cosine),
            "" if one.low is None else f"{one.low:.3f} .. {one.high:.3f}",
            _said(one.ratio),
            _said(one.cpu_ms),
            _said(one.min_factor),
        )
        for one in found
        if not one.refused
    ]
    refused = [f"{one.estimator}: {one.refused}" for one in found if one.refused]
    content = {"run": run, "rows": [one._asdict() for one in found]}
    return Answer(content, (table(heads, rows), *refused))


def _said(value: Cell) -> str:
    return shown(value, "")
