"""The flow, run now or on a schedule: ``lazyleap run`` and ``lazyleap serve``."""

from __future__ import annotations

import csv
import io
import sys
import traceback
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO

from rich.console import Console
from rich.markup import escape

from lazyleap.errors import InputError
from pipeline import dvc
from pipeline.commands.answers import Answer, console
from pipeline.console import Terminal, summary
from pipeline.log import log_to
from pipeline.outcomes import OUT_OF_TIME, GridError, StageError
from pipeline.plan import Plan, plan
from stages import folders

LOG = Path("logs/prefect.log")
STOPPED = 130  # as a shell says of Ctrl-C
FAILED = 1


class Options(NamedTuple):
    """What of a grid is run, and how; see :func:`pipeline.flows.grid_flow`."""

    grid: str | None = None
    only: str | None = None
    jobs: int | None = None
    max_seconds: float | None = None
    timeout: float | None = None


def run(asked: Options, quiet: bool) -> Answer:
    """Bring the settings up to date; ``quiet``: say nothing on the way.

    Raises:
        InputError: before anything is run.
    """
    chosen = plan(asked.grid, asked.only)
    out = Console(file=io.StringIO()) if quiet else console()
    done = chosen.is_done(dvc.stale(chosen.targets()))
    errors = [] if done else _bring(out, chosen, asked)
    table = folders.results(chosen.grid) / "summary.csv"
    content = {
        "grid": chosen.grid,
        "runs": list(chosen.runs),
        "up_to_date": done,
        "errors": [{"stage": one.stage, "error": one.sentence} for one in errors],
        "results": _rows(table),
    }
    shown = summary(table)
    lines = [_all_done(chosen)] if done else []
    return Answer(content, [*lines, *([shown] if shown else [])], _code(errors))


def _all_done(chosen: Plan) -> str:
    count = f"all {len(chosen.runs)} settings" if len(chosen.runs) > 1 else chosen.runs[0]
    return f"{count} up to date"


def _rows(table: Path) -> list[dict[str, str]]:
    if not table.is_file():
        return []
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def _code(errors: list[StageError]) -> int:
    if not errors:
        return 0
    return OUT_OF_TIME if GridError(errors).out_of_time else FAILED


def _bring(out: Console, chosen: Plan, asked: Options) -> list[StageError]:
    """Let Prefect run the flow; what failed, which is said already."""
    stderr = log_to(LOG)
    from pipeline.flows import grid_flow

    terminal = Terminal(out, ["data", *chosen.longest_first(), "report"])
    try:
        with terminal.open():
            grid_flow(*asked)
    except GridError as error:
        _explain(out, error)
        return error.errors
    except KeyboardInterrupt:
        _leave("stopped; what is finished is kept and the next run goes on", STOPPED, stderr)
    except Exception as error:
        traceback.print_exc()  # into the log
        _leave(f"{type(error).__name__}: {error} (more in {LOG})", FAILED, stderr)
    return []


def _explain(out: Console, error: GridError) -> None:
    """Say what failed, with the last lines of what its program did not foresee."""
    for one in error.errors:
        style = "red" if not error.out_of_time else "yellow"
        out.print(f"[{style}]{escape(one.stage)}: {escape(one.sentence)}[/]", soft_wrap=True)
        if one.tail and not one.foreseen:
            out.print(escape(one.tail), style="dim", soft_wrap=True, highlight=False)


def _leave(sentence: str, code: int, stderr: TextIO) -> NoReturn:
    print(f"error: {sentence}", file=stderr, flush=True)
    sys.exit(code)


def finish(asked: Options) -> str:
    """Bring some settings up to date without a word; the grid's name.

    Raises:
        InputError: before anything is run, or with what failed.
    """
    answer = run(asked, quiet=True)
    errors: list[dict[str, Any]] = answer.content["errors"]
    if errors:
        raise InputError("; ".join(f"{one['stage']}: {one['error']}" for one in errors))
    grid: str = answer.content["grid"]
    return grid


def serve(cron: str, asked: Options) -> None:
    """Run the flow on a schedule, until stopped.

    Raises:
        InputError: for a schedule that is none, wrong parameters, or no server.
    """
    chosen = plan(asked.grid, asked.only)
    from pipeline import deploy
    from pipeline.flows import grid_flow

    given = {"grid": asked.grid, "only": asked.only, "jobs": asked.jobs}
    deploy.serve(grid_flow, chosen.grid, cron, given)
