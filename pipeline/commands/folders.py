"""What a folder of a user's images is like, as far as a recipe must know."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from PIL import Image, UnidentifiedImageError

from lazyleap.datasets import images
from lazyleap.datasets.splits import SPLITS
from lazyleap.errors import InputError

GREY = ("1", "L", "LA", "I", "I;16", "F")  # Pillow's modes
LOOKED_AT = 5  # images a class, to tell grey from colour


class Folder(NamedTuple):
    """``counts``: images of each class by split; of a folder that is not divided, of ``all``."""

    path: Path
    counts: dict[str, dict[str, int]]
    channels: Literal[1, 3]

    @property
    def divided(self) -> bool:
        """Whether it has train/ and test/ already."""
        return "all" not in self.counts

    @property
    def least(self) -> int:
        """Images of the smallest class."""
        return min(count for classes in self.counts.values() for count in classes.values())

    @property
    def classes(self) -> dict[str, int]:
        """Classes by split."""
        return {split: len(classes) for split, classes in self.counts.items()}


def look(path: Path) -> Folder:
    """Count the images of each class folder and look at some.

    Raises:
        InputError: if it is no folder of folders of images.
    """
    if not path.is_dir():
        raise InputError(f"{path}: is not a folder")
    there = {folder.name for folder in images.folders(path)}
    divided = {"train", "test"} <= there <= set(SPLITS)
    splits = {name: path / name for name in SPLITS if name in there} if divided else {"all": path}
    found = {
        split: {folder.name: images.files(folder) for folder in images.folders(place)}
        for split, place in splits.items()
    }
    files = [file for classes in found.values() for each in classes.values() for file in each]
    if any(not each for classes in found.values() for each in classes.values()) or not files:
        raise InputError(
            f"{path}: wants a folder for each class with images in it "
            f"({', '.join(images.SUFFIXES)}), or train/, val/ and test/ of such folders"
        )
    some = [file for c in found.values() for each in c.values() for file in each[:LOOKED_AT]]
    counts = {s: {name: len(each) for name, each in c.items()} for s, c in found.items()}
    return Folder(path, counts, 1 if all(map(_is_grey, some)) else 3)


def _is_grey(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            return image.mode in GREY
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"image {file} cannot be read: {error}") from error
