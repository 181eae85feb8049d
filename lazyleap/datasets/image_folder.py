"""Any user's images: ``split/class/*.png|jpg``, or ``class/*`` with classes divided by shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lazyleap.datasets import images
from lazyleap.datasets.options import Fractions, ImageFolder
from lazyleap.datasets.splits import SPLITS
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError


def read(source: Path, options: ImageFolder) -> dict[str, ImageSet]:
    """Images of every class, resized to [N, channels, size, size]; labels follow sorted names.

    A folder of train/, val/ and test/ folders is taken as it is (val may be missing); any other is
    one of classes, divided by ``options.fractions``.
    Cost: decodes every image once. Raises InputError for an unreadable image, a class with fewer
    than ``min_images``, or a layout that is neither.
    """
    if not source.is_dir():
        raise InputError(f"image folder {source} is not a folder")
    groups = _groups(source, options)
    for classes in groups.values():
        for folder in classes:  # all are counted before any is decoded
            _check_count(folder, options.min_images)
    return {split: _read_split(classes, options) for split, classes in groups.items()}


def _groups(source: Path, options: ImageFolder) -> dict[str, list[Path]]:
    """Find the class folders of each split."""
    found = images.folders(source)
    names = {folder.name for folder in found}
    if {"train", "test"} <= names <= set(SPLITS):
        if options.fractions:
            raise InputError(f"fractions: {source} is divided already, into {sorted(names)}")
        return {split: _classes(source / split) for split in SPLITS if split in names}
    if not options.fractions:
        raise InputError(
            f"image folder {source} has no train/ and test/: give fractions to divide its classes"
        )
    return _divide(_classes(source), options.fractions, source)


def _classes(folder: Path) -> list[Path]:
    found = images.folders(folder)
    if not found:
        raise InputError(f"image folder {folder} has no class folders")
    return found


def _divide(classes: list[Path], shares: Fractions, source: Path) -> dict[str, list[Path]]:
    """Classes drawn by seed, none in two splits; sizes are rounded, train takes what remains."""
    order = np.random.default_rng(shares.seed).permutation(len(classes))
    counts = [round(share * len(classes)) for share in (shares.val, shares.test)]
    if min(counts) < 1 or sum(counts) >= len(classes):
        raise InputError(f"fractions: {len(classes)} classes of {source} are too few to divide")
    val, test = counts
    parts = {"val": order[:val], "test": order[val : val + test], "train": order[val + test :]}
    return {split: [classes[index] for index in sorted(parts[split])] for split in SPLITS}


def _check_count(folder: Path, least: int) -> None:
    count = len(images.files(folder))
    if count < least:
        raise InputError(f"class {folder} has {count} images, min_images is {least}")


def _read_split(classes: list[Path], options: ImageFolder) -> ImageSet:
    parts = [
        images.stack(images.files(folder), options.size, options.channels, crop=False)
        for folder in classes
    ]
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts]).astype(np.int64)
    return ImageSet(np.concatenate(parts), labels, tuple(folder.name for folder in classes))
