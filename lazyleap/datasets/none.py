"""No images: of tasks that are drawn and not read."""

from __future__ import annotations

from pathlib import Path

from lazyleap.datasets.options import NoImages
from lazyleap.datasets.store import ImageSet


def read(source: Path, options: NoImages) -> dict[str, ImageSet]:
    """No split at all; ``source`` is not read."""
    del source, options
    return {}
