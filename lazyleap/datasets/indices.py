"""Indices drawn once for all settings of a task, as files and as digests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lazyleap.arrays import read_npz
from lazyleap.errors import InputError

Indices = NDArray[np.int64]


def read(
    path: Path, dimensions: Mapping[str, int], what: str, below: Mapping[str, int | None]
) -> list[Indices]:
    """Arrays of an .npz file by name, each of as many dimensions and with a number at least.

    ``below``: of what there are so many, so that an index of that name must be smaller.

    Raises:
        InputError: saying ``what``, if the file is missing or broken, or an array is missing, of
            other dimensions or of anything else than whole numbers from 0, below their number.
    """
    found = read_npz(path, what)
    for name, count in dimensions.items():
        if name not in found:
            raise InputError(f"{path}: {what} (it lacks {name})")
        array = found[name]
        if array.ndim != count or array.dtype != np.int64 or not array.size or array.min() < 0:
            form = f"{array.dtype} {list(array.shape)}"
            raise InputError(f"{path}: {what} ({name} is {form}, or not from 0)")
        if (end := below.get(name)) is not None and array.max() >= end:
            raise InputError(f"{path}: {what} ({name} holds {array.max()}, of {end})")
    return [found[name] for name in dimensions]


def digest(*parts: Indices) -> str:
    """sha256 of shapes and numbers."""
    total = hashlib.sha256()
    for part in parts:
        total.update(str(part.shape).encode() + _bytes(part))
    return total.hexdigest()


def _bytes(part: Indices) -> bytes:
    return np.ascontiguousarray(part).astype("<i8").tobytes()
