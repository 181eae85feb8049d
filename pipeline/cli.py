"""The command line, ``lazyleap`` or ``python -m pipeline``: what each command is called and takes.

What a command does is imported when it is called; Prefect is, and its server started, only where
there is something to do.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from lazyleap.errors import DiskError, InputError
from pipeline import cli_files, cli_study, project
from pipeline.commands.answers import give
from pipeline.commands.options import (
    Budget,
    Cron,
    Grid,
    Jobs,
    Json,
    Only,
    Recipe,
    Run,
    Timeout,
)
from stages import program

BAD_INPUT, STOPPED = 2, 130  # 130: as a shell says of Ctrl-C

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
grids = typer.Typer(no_args_is_help=True, help="Begin or list sets of settings.")
app.add_typer(grids, name="grid")
app.add_typer(cli_study.studies, name="study")


@app.callback()
def about() -> None:
    """Long-horizon gradient-based meta-learning: a student explores, a teacher leaps."""


@app.command()
def run(
    grid: Grid = None,
    only: Only = None,
    jobs: Jobs = None,
    max_seconds: Budget = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Bring every setting of a grid up to date, then show its table.

    In an empty folder a project is laid out first.
    """
    from pipeline.commands import grids, running

    if project.root() is None and project.is_empty(Path()):
        grids.begin()
    project.enter()
    given = running.Options(grid, only, jobs, max_seconds, timeout)
    give(running.run(given, quiet=json), json)


@app.command()
def sweep(
    pool: Annotated[str, typer.Option(help="Prefect's work pool, whose workers train.")],
    grid: Grid = None,
    only: Only = None,
    every: Annotated[
        float, typer.Option(min=1, help="Seconds between checkpoints that go to DVC's remote.")
    ] = 300,
    max_seconds: Budget = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Bring a grid up to date by the workers of a pool, a flow run a setting, then report here.

    Workers have checkouts of the same commit; results go through DVC's default remote.
    """
    from pipeline.commands import running

    project.enter()
    given = running.Options(grid, only, None, max_seconds, timeout)
    give(running.run(given, json, running.Pool(pool, every)), json)


@app.command()
def serve(cron: Cron, grid: Grid = None, only: Only = None, jobs: Jobs = None) -> None:
    """Bring a grid up to date on a schedule, until stopped."""
    from pipeline.commands import running

    project.enter()
    running.serve(cron, running.Options(grid, only, jobs))


@app.command()
def ui(
    port: Annotated[int, typer.Option(envvar="PREFECT_PORT", help="Of Prefect's pages.")] = 4200,
    tensorboard: Annotated[int, typer.Option(envvar="TENSORBOARD_PORT", help="Its port.")] = 6006,
) -> None:
    """Show Prefect's pages and TensorBoard, until stopped."""
    from pipeline.commands import pages

    project.enter()
    sys.exit(pages.ui(port, tensorboard))


@app.command()
def status(grid: Grid = None, json: Json = False) -> None:
    """Say of every setting whether it is up to date, at work, or still to do."""
    from pipeline.commands import status

    project.enter()
    give(status.status(grid), json)


@app.command()
def show(run: Run, grid: Grid = None, json: Json = False) -> None:
    """Show a finished run: its scores, what its training took, where its files are."""
    from pipeline.commands import results

    project.enter()
    give(results.show(run, grid), json)


@app.command()
def compare(first: Run, second: Run, grid: Grid = None, json: Json = False) -> None:
    """Compare the settings of two runs, over the seeds and test items that both have."""
    from pipeline.commands import results

    project.enter()
    give(results.compare(first, second, grid), json)


for measuring in cli_study.COMMANDS:
    app.command()(measuring)


@app.command()
def plots(
    revisions: Annotated[
        list[str] | None, typer.Argument(help="Of git, to compare; default: what is here.")
    ] = None,
    grid: Grid = None,
    json: Json = False,
) -> None:
    """Draw DVC's plots, the curves of finished runs, on a page that needs no network."""
    from pipeline.commands import plots

    project.enter()
    give(plots.plots(grid, revisions or []), json)


@grids.command("new")
def grid_new(
    name: Annotated[str | None, typer.Argument(help="Of a-z, 0-9 and -.")] = None,
    recipe: Annotated[Recipe | None, typer.Option(help="For images of your own.")] = None,
    images: Annotated[
        Path | None, typer.Option(help="A folder for each class, or train/ ... of such.")
    ] = None,
    size: Annotated[int, typer.Option(min=8, help="Pixels a side that images get.")] = 28,
    json: Json = False,
) -> None:
    """Begin a grid with the parameters of the top one, or of a recipe for your own images.

    Outside of a project one is laid out first.
    """
    from pipeline.commands import grids, recipes

    if (recipe is None) != (images is None) or (recipe and name is None):
        raise InputError("grid new: --recipe, --images and a name go together")
    place = images.resolve() if images else None

    def begin() -> str:
        assert recipe is not None
        assert place is not None
        return recipes.text(recipe, project.seen_from_root(place, Path.cwd()), size)

    give(grids.new(name, begin if recipe else None), json)


@grids.command("list")
def grid_list(json: Json = False) -> None:
    """List the grids of this project."""
    from pipeline.commands import grids

    project.enter()
    give(grids.listed(), json)


for command in cli_files.COMMANDS:
    app.command()(command)


@app.command()
def doctor(json: Json = False) -> None:
    """Say what is wrong with the installation or the project, and what mends it."""
    from pipeline.commands import checks, doctor

    if project.root() is not None:
        project.enter()
    give(doctor.doctor(checks.all_findings()), json)


def main() -> None:
    """Run the command line; a foreseen error is one sentence and an exit code."""
    signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    try:
        program.storing(app)()
    except (InputError, DiskError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(program.DISK if isinstance(error, DiskError) else BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(STOPPED)


def _interrupt() -> None:
    raise KeyboardInterrupt
