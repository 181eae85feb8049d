"""Commands of :mod:`pipeline.cli` that give or take files: ONNX of a run, images, classifiers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline import project
from pipeline.commands.answers import give
from pipeline.commands.options import (
    Grid,
    Json,
    Layout,
    Model,
    Norm,
    Only,
    Range,
    Run,
    Scores,
    numbers,
)


def export(
    run: Run,
    to: Annotated[Path | None, typer.Option(help="An empty folder to copy the files to.")] = None,
    grid: Grid = None,
    json: Json = False,
) -> None:
    """Bring one run up to date and say where its ONNX files are, or copy them."""
    from pipeline.commands import models, running

    folder = to.resolve() if to else None
    project.enter()
    give(models.exported(running.finish(running.Options(grid, run)), run, folder), json)


def record(grid: Grid = None, only: Only = None, json: Json = False) -> None:
    """Put results of finished settings into recorded/, for everyone who clones the repository."""
    from pipeline.commands import record as recording

    project.enter()
    give(recording.record(grid, only), json)


def predict(
    model: Model,
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    form: Annotated[
        Literal["table", "csv", "json"] | None,
        typer.Option("--format", help="Default: a table on a terminal, else csv."),
    ] = None,
    invert: Annotated[bool, typer.Option("--invert", help="Swap bright and dark.")] = False,
    json: Json = False,
) -> None:
    """Label images with the model.onnx of a long-tailed run."""
    from pipeline.commands import models

    words = [str(model), *map(str, images), *(["--invert"] if invert else [])]
    chosen = "json" if json else form
    sys.exit(models.predict(words + (["--format", chosen] if chosen else [])))


def adapt(
    model: Model,
    support: Annotated[Path, typer.Argument(help="A folder a class, some images in each.")],
    queries: Annotated[Path, typer.Argument(help="A folder of images to classify.")],
    steps: Annotated[
        int | None, typer.Option(help="Inner steps; the file recommends some.")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Inner rate; the same.")] = None,
    invert: Annotated[bool, typer.Option("--invert", help="Dark ink on light paper.")] = False,
    json: Json = False,
) -> None:
    """Learn new classes from a few images with the adapt.onnx of a few-shot run."""
    from pipeline.commands import models

    words = [str(model), str(support), str(queries)]
    words += [f"--steps={steps}"] if steps is not None else []
    words += [f"--rate={rate}"] if rate is not None else []
    words += ["--invert"] if invert else []
    sys.exit(models.adapt(words + (["--json"] if json else [])))


def attack(
    model: Annotated[Path, typer.Argument(help="An ONNX classifier, or its folder with weights.")],
    images: Annotated[Path, typer.Argument(help="A folder for each class, named in their order.")],
    name: Annotated[str | None, typer.Option(help="Of the grid; by default the model's.")] = None,
    norm: Annotated[Norm, typer.Option(help="Of the perturbation.")] = "l2",
    epsilon: Annotated[
        float | None, typer.Option(min=0, help="Its largest length, pixels in 0..1.")
    ] = None,
    budget: Annotated[int, typer.Option(min=1, help="Queries an image.")] = 1000,
    count: Annotated[int, typer.Option(min=1, help="Images that are attacked.")] = 20,
    size: Annotated[int | None, typer.Option(min=8, help="Pixels a side, if dynamic.")] = None,
    layout: Annotated[Layout | None, typer.Option(help="Of the model's input.")] = None,
    pixels: Annotated[Range | None, typer.Option(help="Range that mean and std are of.")] = None,
    mean: Annotated[
        str | None, typer.Option(help="A number a channel, such as 0.5,0.5,0.5.")
    ] = None,
    std: Annotated[str | None, typer.Option(help="The same.")] = None,
    output: Annotated[str | None, typer.Option(help="The output with the scores.")] = None,
    outputs: Annotated[Scores | None, typer.Option(help="What the scores are.")] = None,
    json: Json = False,
) -> None:
    """Say how many queries an ONNX classifier of your own withstands.

    Writes a grid, grids/NAME/, whose report says it all; in an empty folder a project first.
    """
    from pipeline.commands import grids, robustness, running

    places = [path.resolve() for path in (model, images)]
    if project.root() is None and project.is_empty(Path()):
        grids.begin()
    root = project.enter()
    asked = robustness.Asked(
        norm, epsilon, budget, count, size, layout, pixels,
        numbers("--mean", mean), numbers("--std", std), output, outputs,
    )  # fmt: skip
    seen = [project.seen_from_root(place, root) for place in places]
    grid = robustness.grid_for(seen[0], seen[1], asked, name)
    give(running.run(running.Options(grid), quiet=json), json)


COMMANDS = (export, record, predict, adapt, attack)
