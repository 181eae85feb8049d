"""The flow, run now or on a schedule: ``lazyleap run`` and ``lazyleap serve``."""

from __future__ import annotations

import csv
import io
import os
import sys
import traceback
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO

from rich.console import Console
from rich.markup import escape

from lazyleap.errors import InputError
from pipeline import server, turn
from pipeline.commands.answers import Answer, console
from pipeline.console import Terminal, summary
from pipeline.log import log_to
from pipeline.outcomes import OUT_OF_TIME, GridError, StageError
from pipeline.plan import Plan, plan
from stages import folders

LOG = Path("logs/prefect.log")
STOPPED = 130  # as a shell says of Ctrl-C
FAILED, BAD_INPUT = 1, 2


class Options(NamedTuple):
    """What of a grid is run, and how; see :func:`pipeline.flows.grid_flow`."""

    grid: str | None = None
    only: str | None = None
    jobs: int | None = None
    max_seconds: float | None = None
    timeout: float | None = None


class Pool(NamedTuple):
    """Whose workers a sweep's settings go to; ``every``: seconds between pushed checkpoints."""

    name: str
    every: float


def run(asked: Options, quiet: bool, pool: Pool | None = None) -> Answer:
    """Bring the settings up to date, here or by the workers of a pool; ``quiet``: say nothing.

    Raises:
        InputError: before anything is run.
    """
    if pool is not None:
        _require_server()
    chosen = plan(asked.grid, asked.only)
    out = Console(file=io.StringIO()) if quiet else console()
    done = chosen.is_done(chosen.stale())
    errors, reported = ([], True) if done else _in_turn(out, chosen, asked, pool)
    table = folders.results(chosen.grid) / "summary.csv"
    rows = _rows(table) if reported else []
    content = {
        "grid": chosen.grid,
        "runs": list(chosen.runs),
        "up_to_date": done,
        "errors": [{"stage": one.stage, "error": one.sentence} for one in errors],
        "results": rows,
    }
    shown = summary(table) if reported else None
    lines = [_all_done(chosen)] if done else []
    lines += [] if reported or not table.is_file() else [f"{table}: of an earlier run, not shown"]
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


def _require_server() -> None:
    url = os.environ.get("PREFECT_API_URL")
    if url is None or not server.answers(url):
        where = "is not set" if url is None else f"{url} does not answer"
        raise InputError(
            f"PREFECT_API_URL: {where}; a sweep needs the server that its workers ask for work"
        )


def _in_turn(
    out: Console, chosen: Plan, asked: Options, pool: Pool | None
) -> tuple[list[StageError], bool]:
    """Wait for whoever is at work on the grid, then do what is left to do."""
    try:
        with turn.turn(chosen.grid, lambda words: _say(out, words)) as waited:
            if waited and chosen.is_done(chosen.stale()):
                return [], True
            return _bring(out, chosen, asked, pool)
    except KeyboardInterrupt:
        _leave("stopped before it began", STOPPED, sys.stderr)


def _say(out: Console, words: str) -> None:
    """On the terminal at once, also where the answer is to be one document of JSON."""
    print(words, file=sys.stderr if isinstance(out.file, io.StringIO) else out.file, flush=True)


def _bring(
    out: Console, chosen: Plan, asked: Options, pool: Pool | None
) -> tuple[list[StageError], bool]:
    """Let Prefect run the flow; what failed, which is said already, and whether it was reported."""
    stderr = log_to(LOG)

    terminal = Terminal(out, ["data", *chosen.longest_first(), "report"])
    try:
        server.for_this_run()
        with terminal.open():
            _flow(asked, pool)
    except InputError as error:
        _leave(str(error), BAD_INPUT, stderr)
    except GridError as error:
        _explain(out, error)
        return error.errors, terminal.ended.get("report") in ("done", "cached")
    except KeyboardInterrupt:
        _leave("stopped; what is finished is kept and the next run goes on", STOPPED, stderr)
    except Exception as error:
        traceback.print_exc()  # into the log
        _leave(f"{type(error).__name__}: {error} (more in {LOG})", FAILED, stderr)
    return [], True


def _flow(asked: Options, pool: Pool | None) -> None:
    if pool is None:
        from pipeline.flows import grid_flow

        grid_flow(*asked)
    else:
        from pipeline.sweep import sweep_flow

        budget, timeout = asked.max_seconds, asked.timeout
        sweep_flow(pool.name, asked.grid, asked.only, pool.every, budget, timeout)


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
