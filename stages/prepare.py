"""Prepare the images of a task: `python -m stages.prepare --params params.yaml TASK`.

Training and validation images go to one folder, test images to another: training never sees those.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lazyleap.datasets.reading import read_with
from lazyleap.datasets.store import ImageSet, moments, save
from lazyleap.errors import InputError
from lazyleap.places import at
from stages import folders
from stages.inputs import Inputs
from stages.program import Params, Traceback, run

OWN = {"licence": "the user's", "citation": "", "source": "the user's images"}


def main(task: str, params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Read the data set of TASK into arrays and draw its fixed episodes."""
    del traceback  # stages.program reads it
    inputs = Inputs(params, "prepare", task)
    given = inputs.parameters
    options = at(given["task_class"]).some(given["task"], given["task_blocks"])
    reader = at(given["reader"])
    sets = read_with(reader, options.dataset, Path())
    try:
        drawn = inputs.server.draw(sets, options)
    except InputError as error:
        raise InputError(f"{inputs.origin}: tasks.{task}.{error}") from error
    folder = folders.prepared(inputs.grid, task)
    write(folder, sets, describe(options.dataset, given["download"], reader))
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


def describe(dataset: Any, download: Mapping[str, str] | None, reader: Any) -> dict[str, str]:
    """Name, reader, licence, citation and source of a data set, for dataset.json.

    ``download``: what the registry says of it, if it is one.
    """
    made = getattr(reader, "ORIGIN", None)  # of images that a reader makes up
    named = dataset.reader if made else Path(dataset.source).name
    return {"name": named, "reader": dataset.reader, **(download or made or OWN)}


if __name__ == "__main__":
    run(main)
