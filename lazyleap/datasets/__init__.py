"""Readers of public image formats and the prepared form every task reads.

A reader is a module, or a user's class, with ``read(source, options) -> {split: ImageSet}``; it is
imported when used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lazyleap.datasets.store import ImageSet, Prepared, load, save
from lazyleap.errors import InputError
from lazyleap.registry import find


def read(options: Any, root: Path) -> dict[str, ImageSet]:
    """Read the dataset ``options`` describe (one of ``options.DatasetOptions``), below ``root``.

    Paths in options are relative to ``root`` (or absolute). Raises InputError in one sentence.
    """
    source = root / options.source
    if not source.exists():
        raise InputError(f"source '{source}' of reader '{options.reader}' does not exist")
    if hasattr(options, "splits"):
        options = options.model_copy(update={"splits": str(root / options.splits)})
    sets: dict[str, ImageSet] = find("reader", options.reader).read(source, options)
    return sets


__all__ = ["ImageSet", "Prepared", "load", "read", "save"]
