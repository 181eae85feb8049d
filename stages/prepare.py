"""Prepare the images of a task: `python -m stages.prepare --params params.yaml TASK`.

Training and validation images go to one folder, test images to another: training never sees those.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lazyleap.datasets import room
from lazyleap.datasets.reading import read_with
from lazyleap.datasets.store import ImageSet, load, save
from lazyleap.errors import InputError
from lazyleap.files import beside
from lazyleap.kind import Drawn
from lazyleap.places import at
from stages import folders
from stages.inputs import Inputs
from stages.program import Params, Traceback, run
from stages.progress import Ticker

OWN = {"licence": "the user's", "citation": "", "source": "the user's images"}


def main(task: str, params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Read the data set of TASK into arrays and draw its fixed episodes."""
    del traceback  # stages.program reads it
    inputs = Inputs(params, "prepare", task)
    given = inputs.parameters
    options = at(given["task_class"]).some(given["task"], given["task_blocks"])
    reader, folder = at(given["reader"]), folders.prepared(inputs.grid, task)
    with beside(folder) as scratch, room.files(scratch, folder, Told(task)):
        sets = read_with(reader, options.dataset, Path())
        try:
            drawn = inputs.server.draw(sets, options)
        except InputError as error:
            raise InputError(f"{inputs.origin}: tasks.{task}.{error}") from error
        write(folder, sets, drawn, describe(options.dataset, given["download"], reader))


class Told:
    """How far reading is, on stderr: array by array, for a reader has as many as it has."""

    def __init__(self, task: str) -> None:
        self.task, self.arrays = task, 0
        self.ticker: Ticker | None = None

    def __call__(self, done: int, total: int) -> None:
        """Of an array's images so many are there."""
        if self.ticker is None:
            self.arrays += 1
            self.ticker = Ticker("prepare", self.task, total)
        self.ticker.update(done, f"images of array {self.arrays}")
        if done == total:
            self.ticker.close()
            self.ticker = None


def write(
    folder: Path,
    sets: Mapping[str, ImageSet],
    drawn: Mapping[str, Drawn],
    info: Mapping[str, Any],
) -> None:
    """Save the test split to ``folder/test/images``, all others to ``folder/train/images``.

    What was drawn appears together with the images it was drawn of.

    Raises:
        ValueError: if something drawn is of neither folder.
    """
    for name in drawn:
        if not name.startswith(("train/images/", "test/images/")):
            raise ValueError(f"'{name}' is drawn, which is in neither train/images nor test/images")
    about = dict(info)
    for side in ("train", "test"):
        place = f"{side}/images/"
        part = {
            name: images for name, images in sets.items() if (name == "test") == (side == "test")
        }
        more = {n.removeprefix(place): d.save for n, d in drawn.items() if n.startswith(place)}
        save(folder / place, part, about, more)
        found = load(folder / place).info
        about |= {key: found[key] for key in ("mean", "std")}


def describe(dataset: Any, download: Mapping[str, str] | None, reader: Any) -> dict[str, str]:
    """Name, reader, licence, citation and source of a data set, for dataset.json.

    ``download``: what the registry says of it, if it is one.
    """
    made = getattr(reader, "ORIGIN", None)  # of images that a reader makes up
    named = dataset.reader if made else Path(dataset.source).name
    return {"name": named, "reader": dataset.reader, **(download or made or OWN)}


if __name__ == "__main__":
    run(main)
