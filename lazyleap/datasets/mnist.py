"""MNIST (LeCun et al., 1998) from its IDX files: 60,000 + 10,000 digits, 28x28 grey."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lazyleap.datasets.content import unpack
from lazyleap.datasets.options import Mnist
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError

FILES = {"train": "train", "test": "t10k"}
LARGEST = 2**14  # pixels a side
UNSIGNED_BYTE = 0x08


def read(source: Path, options: Mnist) -> dict[str, ImageSet]:
    """Grey images [N, 1, 28, 28], ink bright, in the public order; splits train and test.

    Raises InputError for a truncated file or counts that differ between images and labels.
    """
    del options
    return {split: _read_split(source, prefix) for split, prefix in FILES.items()}


def _read_split(source: Path, prefix: str) -> ImageSet:
    images = _read_idx(source / f"{prefix}-images-idx3-ubyte.gz", 3)
    path = source / f"{prefix}-labels-idx1-ubyte.gz"
    labels = _read_idx(path, 1).astype(np.int64)
    if len(labels) != len(images):
        raise InputError(f"{path} has {len(labels)} labels for {len(images)} images")
    if labels.max() > 9:
        raise InputError(f"{path}: label {labels.max()} is outside 0..9")
    return ImageSet(images[:, None], labels, tuple("0123456789"))


def _read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """IDX: two zero bytes, type, number of dimensions, sizes as big-endian uint32, values."""
    raw = unpack(path, "gz")[path.stem]
    head = 4 + 4 * dimensions
    if raw[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]) or len(raw) < head:
        raise InputError(f"{path} is not an IDX file of bytes with {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", raw[4:head])
    if max(shape[1:], default=1) > LARGEST:
        raise InputError(f"{path} says that its images are {shape[1]} x {shape[2]} pixels")
    if len(raw) - head != math.prod(shape) or 0 in shape:
        raise InputError(f"{path} is truncated: {len(raw) - head} values for shape {list(shape)}")
    return np.frombuffer(raw, np.uint8, offset=head).reshape(shape)
