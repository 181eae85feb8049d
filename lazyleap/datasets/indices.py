"""Indices drawn once for all settings of a task, as files and as digests."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lazyleap.errors import InputError

Indices = NDArray[np.int64]


def read(path: Path, names: tuple[str, ...], what: str) -> list[Indices]:
    """The arrays ``names`` of an .npz file; InputError, saying ``what``, if missing or broken."""
    try:
        with np.load(path) as file:
            return [file[name] for name in names]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(f"{path}: {what} ({error})") from error


def digest(*parts: Indices) -> str:
    """sha256 of shapes and numbers."""
    total = hashlib.sha256()
    for part in parts:
        total.update(str(part.shape).encode() + _bytes(part))
    return total.hexdigest()


def _bytes(part: Indices) -> bytes:
    return np.ascontiguousarray(part).astype("<i8").tobytes()
