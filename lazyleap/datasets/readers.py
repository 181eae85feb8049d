"""Any data set, by the name of its reader.

A reader is a module, or a user's class, with ``read(source, options) -> {split: ImageSet}``; it is
imported when used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lazyleap.datasets.reading import read_with
from lazyleap.datasets.store import ImageSet
from lazyleap.registry import find


def read(options: Any, root: Path) -> dict[str, ImageSet]:
    """Read the dataset ``options`` describe; see :func:`lazyleap.datasets.reading.read_with`."""
    return read_with(find("reader", options.reader), options, root)
