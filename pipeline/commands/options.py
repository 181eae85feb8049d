"""Options and arguments that commands share, and the names that a shell completes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from lazyleap import yamlfile
from lazyleap.classifiers.options import Layout as Layout
from lazyleap.classifiers.options import Range as Range
from lazyleap.errors import InputError
from pipeline import project


def params_of(grid: str | None) -> Path:
    """The params.yaml of a folder of grids/, or the top one."""
    return Path("params.yaml") if grid is None else Path("grids") / grid / "params.yaml"


def grid_names(incomplete: str) -> list[str]:
    """Names of grids that begin so."""
    return _beginning(
        incomplete, (path.parent.name for path in _root().glob("grids/*/params.yaml"))
    )


def run_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the grid's runs that begin so."""
    try:
        content = yamlfile.read(_root() / params_of(context.params.get("grid")))
        return _beginning(incomplete, content["runs"])
    except (InputError, KeyError, TypeError):  # a shell wants names, not sentences
        return []


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))


def _root() -> Path:
    return project.root() or Path()


Grid = Annotated[
    str | None,
    typer.Option(
        help="A folder of grids/; without it the top params.yaml.", autocompletion=grid_names
    ),
]
Only = Annotated[
    str | None,
    typer.Option(help="Patterns of run names, such as 'maml-*,anil-*'.", autocompletion=run_names),
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Settings side by side; default: the cores.")]
Budget = Annotated[
    float | None, typer.Option(min=1, help="Seconds; the next run goes on from there.")
]
Timeout = Annotated[
    float | None, typer.Option(min=1, help="Seconds after which a stage is killed.")
]
Cron = Annotated[str, typer.Option(help="When, in cron's five fields, UTC.")]
Run = Annotated[str, typer.Argument(help="A run of params.yaml.", autocompletion=run_names)]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]
Model = Annotated[Path, typer.Argument(help="An ONNX file that export wrote.")]
Norm = Literal["l2", "linf"]
Scores = Literal["logits", "probabilities"]


class Recipe(StrEnum):
    """What one may want of images of one's own."""

    FEW_SHOT = "few-shot"
    LONG_TAIL = "long-tail"


def numbers(option: str, words: str | None) -> list[float] | None:
    """Numbers between commas; InputError with the option if they are not."""
    try:
        return None if words is None else [float(word) for word in words.split(",")]
    except ValueError as error:
        raise InputError(f"{option} {words}: wants numbers with commas between them") from error
