"""Estimators beside the exact gradient: ``lazyleap fidelity``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lazyleap.report import Cell
from pipeline.commands.answers import Answer, table
from pipeline.plan import params_of
from stages.reporting.wording import shown

if TYPE_CHECKING:  # they load torch
    from lazyleap.fidelity import Fidelity
    from lazyleap.placing import Placed

HEADS = ("estimator", "cosine", "95% interval", "length", "CPU ms a task")


def fidelity(run: str, grid: str | None, tasks: int | None, place: int | None = None) -> Answer:
    """Compare at the theta of a finished run, on validation tasks.

    ``place``: choose the teacher's steps in place of that, so many at most.

    Raises:
        InputError: if the run is not trained, or its kind has nothing to compare on.
    """
    from stages import fidelity as program  # torch only where it is needed

    path = str(params_of(grid))
    if place is not None:
        return _placed(run, program.placed(path, run, place, tasks))
    found = program.measure(path, run, tasks)
    heads = (*HEADS, "smallest factor")
    rows = [(*_cells(one), _said(one.min_factor)) for one in found if not one.refused]
    refused = [f"{one.estimator}: {one.refused}" for one in found if one.refused]
    content = {"run": run, "rows": [one._asdict() for one in found]}
    return Answer(content, (table(heads, rows), *refused))


def _placed(run: str, found: Sequence[Placed]) -> Answer:
    """The best steps of each number, and those that are worth their time."""
    from lazyleap.placing import worthiest

    best = worthiest(found)
    rows = [(*_cells(one.found), f"{one.worth:.1f}", "yes" * (one is best)) for one in found]
    steps = list(best.steps)
    words = (
        f"estimator: lazy, leaps: {len(steps)}, placement: {steps}"
        if steps
        else "estimator: first_order"
    )
    content = {
        "run": run,
        "rows": [
            one.found._asdict() | {"steps": list(one.steps), "worth": one.worth} for one in found
        ],
        "chosen": steps,
    }
    heads = (*HEADS, "cosine a CPU second", "chosen")
    return Answer(content, (table(heads, rows), f"The most fidelity for its time: {words}"))


def _cells(one: Fidelity) -> tuple[str, ...]:
    return (
        one.estimator,
        _said(one.cosine),
        "" if one.low is None else f"{one.low:.3f} .. {one.high:.3f}",
        _said(one.ratio),
        _said(one.cpu_ms),
    )


def _said(value: Cell) -> str:
    return shown(value, "")
