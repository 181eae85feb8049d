"""Any user's images: ``split/class/*.png|jpg``, or ``class/*`` divided by class or by image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lazyleap.datasets import by_class, images
from lazyleap.datasets.by_class import Files
from lazyleap.datasets.options import Division, Fractions, ImageFolder
from lazyleap.datasets.splits import SPLITS, names
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError, nearest

WHOLE = "all"  # the one group of a folder that is divided by image


def read(source: Path, options: ImageFolder) -> dict[str, ImageSet]:
    """Images of every class, resized to [N, channels, size, size]; labels follow sorted names.

    A folder of train/, val/ and test/ folders is taken as it is (val may be missing); any other is
    one of classes, divided by ``options.fractions`` or ``options.lists``, or by ``options.divide``
    into images of the same classes.
    Cost: decodes every image once, on all cores. Raises InputError for an unreadable image, a class
    with fewer than ``min_images``, or a layout that is neither.
    """
    if not source.is_dir():
        raise InputError(f"image folder {source} is not a folder")
    groups = _groups(source, options)
    for classes in groups.values():
        for folder in classes:  # all are counted before any is decoded
            _check_count(folder, options.min_images)
    listed = {split: _list(classes) for split, classes in groups.items()}
    if options.divide:
        listed = _by_image(listed[WHOLE], options.divide)
    return {
        split: by_class.read(part, options.size, options.channels, crop=False)
        for split, part in listed.items()
    }


def _groups(source: Path, options: ImageFolder) -> dict[str, list[Path]]:
    """Find the class folders of each split."""
    there = {folder.name for folder in images.folders(source)}
    if {"train", "test"} <= there <= set(SPLITS):
        if options.ways:
            raise InputError(
                f"{options.ways[0]}: {source} is divided already, into {sorted(there)}"
            )
        return {split: _classes(source / split) for split in SPLITS if split in there}
    if options.divide:
        return {WHOLE: _classes(source)}
    if options.lists:
        return _listed(_classes(source), options.lists, source)
    if not options.fractions:
        raise InputError(
            f"image folder {source} has no train/ and test/: give fractions or lists to divide its "
            "classes, or divide for the images of each"
        )
    return _divide(_classes(source), options.fractions, source)


def _classes(folder: Path) -> list[Path]:
    found = images.folders(folder)
    if not found:
        raise InputError(f"image folder {folder} has no class folders")
    for path in found:
        if not path.name.isprintable():  # nor UTF-8
            raise InputError(
                f"image folder {folder}: class folder {path.name!a} has a name "
                "that cannot be printed: rename it"
            )
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


def _listed(classes: list[Path], lists: str, source: Path) -> dict[str, list[Path]]:
    """Class folders as ``lists`` name them, none in two splits; those not named are left out."""
    found, seen = {folder.name: folder for folder in classes}, dict[str, str]()
    groups: dict[str, list[Path]] = {}
    for split in SPLITS:
        groups[split] = []
        for name in dict.fromkeys(names(lists, split)):
            if name not in found:
                raise InputError(
                    f"{lists}/{split}.txt: {source} has no folder '{name}'; {nearest(name, found)}"
                )
            if name in seen:
                raise InputError(f"{lists}: class '{name}' is in {seen[name]} and in {split}")
            seen[name] = split
            groups[split].append(found[name])
    return groups


def _list(folders: list[Path]) -> Files:
    return {folder.name: [str(path) for path in images.files(folder)] for folder in folders}


def _by_image(whole: Files, shares: Division) -> dict[str, Files]:
    """Images drawn by seed, class by class; sizes are rounded, at least one on either side."""
    chance, first = np.random.default_rng(shares.seed), 0
    parts: dict[str, Files] = {"train": {}, "test": {}}
    for name, paths in whole.items():
        count = round(shares.test * len(paths))
        if not 0 < count < len(paths):
            raise InputError(f"divide: class '{name}' has {len(paths)} images, too few to divide")
        rows = np.arange(first, first := first + len(paths))
        test = np.isin(rows, chance.choice(rows, count, replace=False))
        for split, chosen in (("train", ~test), ("test", test)):
            parts[split][name] = [paths[row] for row in np.flatnonzero(chosen)]
    return parts


def _check_count(folder: Path, least: int) -> None:
    count = len(images.files(folder))
    if count < least:
        raise InputError(f"class {folder} has {count} images, min_images is {least}")
