"""A set of images from files listed class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from lazyleap.datasets import images
from lazyleap.datasets.store import ImageSet

Files = dict[str, list[str]]  # class -> its images, as text: there may be a million


def read(
    classes: Mapping[str, Sequence[str]], size: int, channels: Literal[1, 3], crop: bool
) -> ImageSet:
    """Decode the images of each class with :func:`lazyleap.datasets.images.stack`."""
    labels = np.repeat(np.arange(len(classes)), [len(part) for part in classes.values()])
    paths = [path for part in classes.values() for path in part]
    every = images.stack(paths, size, channels, crop)
    return ImageSet(every, labels.astype(np.int64), tuple(classes))
