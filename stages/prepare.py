"""Prepare the images of a task: `python -m stages.prepare --params params.yaml TASK`.

Training and validation images go to one folder, test images to another: training never sees those.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lazyleap.datasets import ImageSet, read, save
from lazyleap.datasets.registry import read_registry
from lazyleap.datasets.store import moments
from lazyleap.errors import InputError, nearest
from lazyleap.kind import kind
from lazyleap.registry import find
from lazyleap.settings import load
from stages import folders
from stages.program import Params, Traceback, run

REGISTRY = Path("data/datasets.yaml")
OWN = {"licence": "the user's", "citation": "", "source": "the user's images"}


def main(task: str, params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Read the data set of TASK into arrays and draw its fixed episodes."""
    del traceback  # stages.program reads it
    settings = load(Path(params))
    if task not in settings.tasks:
        hint = nearest(task, settings.tasks)
        raise InputError(f"{params}: '{task}' is not in tasks; {hint}")
    options = settings.tasks[task]
    sets = read(options.dataset, Path())
    try:
        drawn = kind(options.kind).draw(sets, options)
    except InputError as error:
        raise InputError(f"{params}: tasks.{task}.{error}") from error
    folder = folders.prepared(settings.grid, task)
    write(folder, sets, describe(options.dataset))
    for name, content in drawn.items():
        content.save(folder / name)


def write(folder: Path, sets: Mapping[str, ImageSet], info: Mapping[str, Any]) -> None:
    """Save the test split to ``folder/test/images``, all others to ``folder/train/images``."""
    mean, std = moments(sets["train"].images) if sets else ([], [])
    about = {**info, "mean": mean, "std": std}
    test = {name: part for name, part in sets.items() if name == "test"}
    others = {name: part for name, part in sets.items() if name != "test"}
    save(folder / "train" / "images", others, about)
    save(folder / "test" / "images", test, about)


def describe(dataset: Any) -> dict[str, str]:
    """Name, reader, licence, citation and source of a data set, for dataset.json."""
    name = Path(dataset.source).name
    registry = read_registry(REGISTRY) if Path(dataset.source) == folders.raw(name) else {}
    if name in registry:
        keys = {"licence", "citation", "source"}
        return {"name": name, "reader": dataset.reader, **registry[name].model_dump(include=keys)}
    made: dict[str, str] | None = getattr(find("reader", dataset.reader), "ORIGIN", None)
    named = dataset.reader if made else name
    return {"name": named, "reader": dataset.reader, **(made or OWN)}


if __name__ == "__main__":
    run(main)
