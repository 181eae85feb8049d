"""Arrays in ``.npz`` files: how large they say they are is checked before memory is taken."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lazyleap.errors import InputError, short

Array = NDArray[Any]
LARGEST = 2**30  # bytes of all arrays of a file
MEMBERS = 1000
PLAIN = "biuf"  # kinds of numbers


def read_npz(path: Path, what: str) -> dict[str, Array]:
    """All arrays of numbers of an ``.npz`` file, by name.

    Raises:
        InputError: with the path, saying ``what`` and why, if it is missing, damaged, larger than
            1 GiB or holds anything else.
    """
    if not path.is_file():
        raise InputError(f"{path}: {what} (there is no such file)")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MEMBERS or sum(info.file_size for info in members) > LARGEST:
                raise ValueError(f"it would unpack to more than {LARGEST // 2**20:,} MiB")
            return {i.filename.removesuffix(".npy"): _array(archive.read(i)) for i in members}
    except Exception as error:  # of zip, zlib and numpy: a damaged file raises any
        raise InputError(f"{path}: {what} ({short(error)})") from error


def _array(raw: bytes) -> Array:
    """The array of an ``.npy`` file: its header, then just as many bytes as that says."""
    file = io.BytesIO(raw)
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the format")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, dtype = read(file)
    if dtype.kind not in PLAIN:
        raise ValueError(f"holds {dtype}, not numbers")
    left = len(raw) - file.tell()
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != left:
        raise ValueError(f"has {left:,} bytes for shape {short(list(shape))}")
    flat = np.frombuffer(raw, dtype, offset=file.tell())
    return flat.reshape(shape, order="F" if by_columns else "C").copy()
