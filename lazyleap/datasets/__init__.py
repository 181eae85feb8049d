"""Readers of public image formats and the prepared form every task reads.

A reader is a module with ``read(source, options) -> {split: ImageSet}``; it is imported when used.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from lazyleap.datasets.store import ImageSet, Prepared, load, save
from lazyleap.errors import InputError

READERS = {
    "omniglot": "lazyleap.datasets.omniglot",
    "cifar-fs": "lazyleap.datasets.cifar",
    "fc100": "lazyleap.datasets.cifar",
    "cifar-10": "lazyleap.datasets.cifar",
    "cifar-100": "lazyleap.datasets.cifar",
    "mnist": "lazyleap.datasets.mnist",
    "miniimagenet": "lazyleap.datasets.imagenet",
    "tieredimagenet": "lazyleap.datasets.imagenet",
    "image-folder": "lazyleap.datasets.image_folder",
    "glyphs": "lazyleap.datasets.glyphs",
    "characters": "lazyleap.datasets.characters",
}


def read(options: Any, root: Path) -> dict[str, ImageSet]:
    """Read the dataset ``options`` describe (one of ``options.DatasetOptions``), below ``root``.

    Paths in options are relative to ``root`` (or absolute). Raises InputError in one sentence.
    """
    source = root / options.source
    if not source.exists():
        raise InputError(f"source '{source}' of reader '{options.reader}' does not exist")
    if hasattr(options, "splits"):
        options = options.model_copy(update={"splits": str(root / options.splits)})
    module = importlib.import_module(READERS[options.reader])
    sets: dict[str, ImageSet] = module.read(source, options)
    return sets


__all__ = ["READERS", "ImageSet", "Prepared", "load", "read", "save"]
