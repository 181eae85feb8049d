"""Commands of :mod:`pipeline.cli` that make a study: ``study``, and what goes before it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lazyleap.errors import InputError
from pipeline import project
from pipeline.commands.answers import give
from pipeline.commands.options import Grid, Json, Only, Run, grid_names, numbers

studies = typer.Typer(
    no_args_is_help=True, help="Compare settings fairly: tuned alike, confirmed with fresh seeds."
)
Base = Annotated[
    str, typer.Argument(help="A folder of grids/, a run a setting.", autocompletion=grid_names)
]
By = Annotated[
    str | None,
    typer.Option(
        help="A validation score, as accuracy@5, or several, of which the mean; default: the best."
    ),
]
Finished = Annotated[str, typer.Argument(help="A folder of grids/.", autocompletion=grid_names)]


@studies.command()
def tune(
    grid: Base,
    outer: Annotated[
        str | None, typer.Option(help="Rates of the outer optimiser, as .001,.003.")
    ] = None,
    inner: Annotated[str | None, typer.Option(help="Rates of the inner loop.")] = None,
    lr: Annotated[
        str | None, typer.Option(help="Rates of a classifier in training, as of a long tail.")
    ] = None,
    only: Only = None,
    json: Json = False,
) -> None:
    """Write the grid GRID-tuning: each setting at every choice of the same rates, one seed."""
    from pipeline.commands import study

    project.enter()
    given = (("--outer", outer), ("--inner", inner), ("--lr", lr))
    outers, inners, plains = (numbers(name, words) or [] for name, words in given)
    give(study.tune(grid, outers, inners, plains, only), json)


@studies.command()
def tuned(
    grid: Base,
    by: By = None,
    to: Annotated[Path | None, typer.Option(help="A Markdown file to write it to.")] = None,
    json: Json = False,
) -> None:
    """Say how each setting did in validation at each rate, of the runs that are finished."""
    from pipeline.commands import study

    place = to.resolve() if to else None
    project.enter()
    give(study.tuned(grid, by, place), json)


@studies.command()
def confirm(
    grid: Base,
    seeds: Annotated[str, typer.Option(help="Fresh ones, as 1,2,3,4,5.")],
    by: By = None,
    only: Annotated[
        str | None,
        typer.Option(help="Patterns of runs of the tuning: their settings alone."),
    ] = None,
    times: Annotated[int, typer.Option(min=1, help="As many meta-iterations.")] = 1,
    json: Json = False,
) -> None:
    """Write GRID-confirmation: each setting at its best rates by validation, with fresh seeds."""
    from pipeline.commands import study

    project.enter()
    if not all(word.strip().isdigit() for word in seeds.split(",")):
        raise InputError(f"--seeds {seeds}: wants whole numbers with commas between them")
    give(study.confirm(grid, [int(word) for word in seeds.split(",")], by, only, times), json)


@studies.command()
def judge(
    grid: Finished,
    against: Annotated[str, typer.Option(help="A run of the setting that others are held to.")],
    to: Annotated[Path | None, typer.Option(help="A Markdown file to write it to.")] = None,
    json: Json = False,
) -> None:
    """Say of each setting of a finished grid whether it pays, against one: paired, corrected."""
    from pipeline.commands.judge import judge as judged

    place = to.resolve() if to else None
    project.enter()
    give(judged(grid, against, place), json)


@studies.command()
def chart(
    tables: Annotated[
        list[Path], typer.Argument(help="CSV files that 'study judge --to' wrote, a budget each.")
    ],
    measure: Annotated[str, typer.Option(help="Of the tables, as accuracy@20.")],
    to: Annotated[Path, typer.Option(help="An SVG file to write it to.")],
    json: Json = False,
) -> None:
    """Draw a measure against CPU seconds, a line a setting: whether the order turns."""
    from pipeline.commands.study_chart import chart as drawn

    give(drawn(tables, measure, to), json)


def budget(
    cpu_seconds: Annotated[float, typer.Option(min=1e-3, help="Of each training.")],
    grid: Grid = None,
    only: Only = None,
    rounds: Annotated[int, typer.Option(min=1, help="Of timing, in turns.")] = 5,
    seconds: Annotated[float, typer.Option(min=0, help="Of a round, a setting, at least.")] = 1.0,
    json: Json = False,
) -> None:
    """Give the settings of a grid equal compute: time them and write their meta_iterations."""
    from pipeline.commands import budget

    project.enter()
    give(budget.budget(grid, cpu_seconds, only, rounds, seconds), json)


def fidelity(
    run: Run,
    tasks: Annotated[
        int | None, typer.Option(min=1, help="Of validation, at most; else params.yaml's, or 20.")
    ] = None,
    place: Annotated[
        int | None,
        typer.Option(min=1, help="Choose the steps a teacher takes instead, so many at most."),
    ] = None,
    grid: Grid = None,
    json: Json = False,
) -> None:
    """Say how near each estimator is to the exact meta-gradient at a finished run, and its cost."""
    from pipeline.commands import fidelity

    project.enter()
    give(fidelity.fidelity(run, grid, tasks, place), json)


COMMANDS = (budget, fidelity)
