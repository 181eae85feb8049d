"""What Prefect is told of a stage, a setting or a run that ended."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from pipeline.outcomes import BudgetError, Outcome, StageError, StoppedError

WORDS = {BudgetError: "postponed", StoppedError: "stopped"}  # other than failed


def brought(name: str, outcome: Outcome, score: str = "") -> State[Outcome]:
    """Completed, or Cached when nothing ran; the state's result is the outcome."""
    kind = "Completed" if outcome is Outcome.RAN else "Cached"
    message = f"{name}: {outcome}" + (f", {score}" if score else "")
    return Completed(name=kind, message=message, data=outcome)


def failed(error: StageError) -> State[Outcome]:
    """Failed, or what else it is called; the state's result is the error."""
    return Failed(name=word(error).capitalize(), message=str(error), data=error)


def word(error: StageError) -> str:
    """How that ended which this error ended."""
    return next((word for kind, word in WORDS.items() if isinstance(error, kind)), "failed")


def error_of(state: State[Any]) -> StageError | None:
    """What a state that is not completed failed of."""
    error = None if state.is_completed() else state.result(raise_on_failure=False)
    if error is None or isinstance(error, StageError):
        return error
    return StageError("pipeline", f"{type(error).__name__}: {error}")
