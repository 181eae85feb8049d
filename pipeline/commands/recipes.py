"""Whole params.yaml for a user's own images and classifiers, filled in by what these are like."""

from __future__ import annotations

import statistics
from pathlib import Path
from string import Template
from typing import Any

from lazyleap.datasets.splits import SPLITS
from lazyleap.errors import InputError
from pipeline.commands.folders import Folder, look
from pipeline.commands.options import Recipe

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
WAY, QUERY = 5, 5  # at most: classes an episode, queries a class
BATCH = 64  # at most: training images a step of a long tail
LINE = "\n      "  # to another key of a data set


def text(recipe: Recipe, images: Path, size: int) -> str:
    """The parameters of a recipe for a folder of images, of ``size`` pixels a side.

    Raises:
        InputError: if the folder is none, or has too few classes or images.
    """
    folder = look(images)
    made = _few_shot(folder) if recipe is Recipe.FEW_SHOT else _long_tail(folder)
    return fill(recipe, folder, size=size, **made)


def fill(recipe: str, folder: Folder, **values: Any) -> str:
    """The file of a recipe with its words put in."""
    known = {"images": folder.path.as_posix(), "channels": folder.channels, "least": folder.least}
    return Template((RECIPES / f"{recipe}.yaml").read_text()).substitute({**known, **values})


def _few_shot(folder: Folder) -> dict[str, Any]:
    """By the number of classes in the smallest split and of images in the smallest class."""
    if folder.divided:
        fewest, division = min(folder.classes.get(split, 0) for split in SPLITS), ""
    else:
        total = folder.classes["all"]
        fewest = round(0.2 * total)
        division = (
            f"{LINE}fractions: {{train: 0.6, val: 0.2, test: 0.2, seed: 0}}   # of the classes"
        )
    if fewest < 2 or folder.least < 2:
        raise InputError(
            f"{folder.path}: few-shot learning needs 2 classes in each of train, val and test (10 "
            "of a folder that is not divided) and 2 images in each class"
        )
    way, query = min(WAY, fewest), min(QUERY, folder.least - 1)
    return {"way": way, "query": query, "division": division}


def _long_tail(folder: Folder) -> dict[str, Any]:
    """By the sizes of the classes in training."""
    share = 1.0 if folder.divided else 0.8
    train = folder.counts["train" if folder.divided else "all"]
    sizes = sorted(int(share * count) for count in train.values())
    meta = max(1, min(10, sizes[0] // 2))
    if len(sizes) < 2 or sizes[0] < 2:
        raise InputError(
            f"{folder.path}: a long tail needs 2 classes, of 2 training images each at least (3 of "
            "a folder that is not divided)"
        )
    kept = [size - meta for size in sizes]
    cuts = statistics.quantiles(kept, n=3)
    division = "" if folder.divided else f"{LINE}divide: {{test: 0.2, seed: 0}}   # of each class"
    return {
        "meta": meta,
        "metas": meta * len(sizes),
        "batch": min(BATCH, sum(kept)),
        "few": max(1, int(cuts[0])),
        "many": max(1, int(cuts[1])),
        "division": division,
    }
