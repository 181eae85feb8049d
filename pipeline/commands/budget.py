"""The same CPU seconds for the settings of a grid: ``lazyleap budget``."""

from __future__ import annotations

from lazyleap.errors import InputError
from pipeline import dvc
from pipeline.commands.answers import Answer, table
from pipeline.outcomes import StageError
from pipeline.plan import Plan, params_of, plan


def budget(
    grid: str | None, cpu_seconds: float, only: str | None, rounds: int, seconds: float
) -> Answer:
    """Prepare the data of the runs that are meant, time them, and write their meta_iterations.

    Raises:
        InputError: for wrong parameters, or with what failed before the timing.
    """
    chosen = plan(grid, only)
    with chosen.described():
        _prepare(chosen)
    from stages import budget as program  # torch only where it is needed
    from stages import provenance

    path = params_of(grid)
    shares = program.share_out(path, cpu_seconds, only or "*", rounds, seconds)
    content = {
        "params": path.as_posix(),
        "cpu_seconds": cpu_seconds,
        "machine": f"{provenance.processor()} ({provenance.instruction_set()})",
        "shares": [one._asdict() for one in shares],
    }
    rows = [(str(one.meta_iterations), f"{one.cpu_ms:.1f}", ", ".join(one.runs)) for one in shares]
    heads = ("meta_iterations", "CPU ms each", "runs")
    said = f"written into {path}; timed on {content['machine']}: elsewhere they take another time"
    return Answer(content, (table(heads, rows), said))


def _prepare(chosen: Plan) -> None:
    """Bring up to date what comes before all training."""
    stages = list(chosen.head())
    chain = dvc.Chain(stages)
    try:
        for stage in stages:
            chain.follow(stage)
    except StageError as error:
        raise InputError(f"{error.stage}: {error.sentence}") from error
    finally:
        chain.close()
