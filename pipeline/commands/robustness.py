"""How many queries a user's classifier withstands: ``lazyleap attack MODEL.onnx IMAGES``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from lazyleap.classifiers.look import Looked
from lazyleap.classifiers.look import look as look_at_model
from lazyleap.errors import InputError
from pipeline import project
from pipeline.commands.folders import look
from pipeline.commands.recipes import LINE, fill

WRITTEN = "Written by lazyleap attack, which overwrites it; without this line it is yours."
RECIPE = "attacked"
SHARE = 0.8  # of a folder's images that may be attacked, if it is not divided
EPSILON = {"l2": 3.0, "linf": 8 / 255}  # pixels in 0..1


class Asked(NamedTuple):
    """The test, and what the model's file does not say; None: what the file says, or the usual."""

    norm: str = "l2"
    epsilon: float | None = None
    budget: int = 1000
    attacked: int = 20  # images
    size: int | None = None
    layout: str | None = None
    pixels: str | None = None
    mean: list[float] | None = None
    std: list[float] | None = None
    output: str | None = None
    outputs: str | None = None


def grid_for(model: Path, images: Path, asked: Asked, name: str | None) -> str:
    """Write the grid that attacks ``model`` on ``images``; its name.

    Raises:
        InputError: if a file cannot be used, something must be said of it, or a grid of that name
            is the user's own.
    """
    grid = name or f"attack-{re.sub('[^a-z0-9]+', '-', model.stem.lower()).strip('-')}"
    path = Path("grids") / grid / "params.yaml"
    if path.exists():
        if WRITTEN not in path.read_text():
            raise InputError(f"{path}: is yours; lazyleap run --grid {grid}, or choose --name")
        path.unlink()
    project.new_grid(grid, text(model, images, asked))
    return grid


def text(model: Path, images: Path, asked: Asked) -> str:
    """The parameters of that grid."""
    looked, folder = look_at_model(model), look(images)
    size = asked.size or looked.size
    if size is None:
        raise InputError(f"{model}: does not say how large its images are; give --size")
    channels = looked.channels or folder.channels
    test = folder.counts["test"] if folder.divided else folder.counts["all"]
    tried = sum(count if folder.divided else round(SHARE * count) for count in test.values())
    values: dict[str, Any] = {
        "written": WRITTEN,
        "division": "" if folder.divided else f"{LINE}divide: {{test: {SHARE}, seed: 0}}",
        "channels": channels,
        "size": size,
        "tried": tried,
        "attacked": min(asked.attacked, tried),
        "budget": asked.budget,
        "norm": asked.norm,
        "epsilon": asked.epsilon or EPSILON[asked.norm],
        "model": model.as_posix(),
    }
    return fill(RECIPE, folder, **values, **_target(looked, asked, channels, len(test)))


def _target(looked: Looked, asked: Asked, channels: int, classes: int) -> dict[str, Any]:
    """What of the classifier its file says, and what the user does."""
    found = {
        "input": looked.input,
        "layout": asked.layout or looked.layout,
        "pixels": asked.pixels or looked.pixels,
        "mean": asked.mean or [0.0] * channels,
        "std": asked.std or [1.0] * channels,
        "output": asked.output or looked.output,
        "outputs": asked.outputs or looked.outputs,
        "classes": looked.classes or classes,
    }
    return {key: "null" if value is None else value for key, value in found.items()}
