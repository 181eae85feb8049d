"""The command line of the flow: ``python -m pipeline run``.

Prefect is imported, and its server started, only when there is something to do.
"""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO

import typer
from rich.console import Console
from rich.markup import escape

from lazyleap.errors import InputError
from pipeline import dvc
from pipeline.console import Terminal, summary
from pipeline.log import log_to
from pipeline.outcomes import GridError
from pipeline.plan import Plan, plan
from stages import folders
from stages.program import BAD_INPUT, OUT_OF_TIME

LOG = Path("logs/prefect.log")
WIDTH = 120  # columns where there is no terminal
STOPPED = 130  # as a shell says of Ctrl-C

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Grid = Annotated[
    str | None, typer.Option(help="A folder of grids/; without it the top params.yaml.")
]
Only = Annotated[str | None, typer.Option(help="A pattern of run names, such as 'maml-*'.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Settings side by side; default: the cores.")]
Budget = Annotated[
    float | None, typer.Option(min=1, help="Seconds; the next run goes on from there.")
]
Timeout = Annotated[
    float | None, typer.Option(min=1, help="Seconds after which a stage is killed.")
]
Cron = Annotated[str, typer.Option(help="When, in cron's five fields, UTC.")]


@app.command()
def run(
    grid: Grid = None,
    only: Only = None,
    jobs: Jobs = None,
    max_seconds: Budget = None,
    timeout: Timeout = None,
) -> None:
    """Bring every setting of a grid up to date, then show its table."""
    chosen = _plan(grid, only)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    if chosen.is_done(dvc.stale(chosen.targets())):
        count = f"all {len(chosen.runs)} settings" if len(chosen.runs) > 1 else chosen.runs[0]
        console.print(f"{count} up to date", highlight=False)
        code = 0
    else:
        code = _bring(console, chosen, grid, only, jobs, max_seconds, timeout)
    if table := summary(folders.results(chosen.grid) / "summary.csv"):
        console.print(table)
    sys.exit(code)


def _bring(console: Console, chosen: Plan, *options: Any) -> int:
    """Let Prefect run the flow with ``options``; the exit code."""
    stderr = log_to(LOG)
    from pipeline.flows import grid_flow

    signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    terminal = Terminal(console, ["data", *chosen.longest_first(), "report"])
    try:
        with terminal.open():
            grid_flow(*options)
    except GridError as error:
        return _explain(console, error)
    except KeyboardInterrupt:
        _leave("stopped; what is finished is kept and the next run goes on", STOPPED, stderr)
    except Exception as error:
        traceback.print_exc()  # into the log
        _leave(f"{type(error).__name__}: {error} (more in {LOG})", 1, stderr)
    return 0


@app.command()
def serve(cron: Cron, grid: Grid = None, only: Only = None, jobs: Jobs = None) -> None:
    """Bring a grid up to date on a schedule, until stopped."""
    chosen = _plan(grid, only)
    from pipeline import deploy
    from pipeline.flows import grid_flow

    try:
        deploy.serve(grid_flow, chosen.grid, cron, {"grid": grid, "only": only, "jobs": jobs})
    except InputError as error:
        _leave(str(error), BAD_INPUT)


def _plan(grid: str | None, only: str | None) -> Plan:
    try:
        return plan(grid, only)
    except InputError as error:
        _leave(str(error), BAD_INPUT)


def _explain(console: Console, error: GridError) -> int:
    """Say what failed, with the last lines of what its program did not foresee."""
    for one in error.errors:
        style = "red" if not error.out_of_time else "yellow"
        console.print(f"[{style}]{escape(one.stage)}: {escape(one.sentence)}[/]", soft_wrap=True)
        if one.tail and not one.foreseen:
            console.print(escape(one.tail), style="dim", soft_wrap=True, highlight=False)
    return OUT_OF_TIME if error.out_of_time else 1


def _interrupt() -> None:
    raise KeyboardInterrupt


def _leave(sentence: str, code: int, stderr: TextIO | None = None) -> NoReturn:
    print(f"error: {sentence}", file=stderr or sys.stderr, flush=True)
    sys.exit(code)


def main() -> None:
    """Run the command line."""
    app()
