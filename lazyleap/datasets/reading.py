"""How a data set is read, whatever its reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError


def read_with(reader: Any, options: Any, root: Path) -> dict[str, ImageSet]:
    """Read the dataset that ``options`` describe by ``reader``, below ``root``.

    Paths in options are relative to ``root`` (or absolute). Raises InputError in one sentence.
    """
    source = root / options.source
    if not source.exists():
        raise InputError(f"source '{source}' of reader '{options.reader}' does not exist")
    if hasattr(options, "splits"):
        options = options.model_copy(update={"splits": str(root / options.splits)})
    sets: dict[str, ImageSet] = reader.read(source, options)
    return sets
