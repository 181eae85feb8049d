"""Where a reader puts its images: into memory or, for more than that holds, into mapped files.

A reader hands them over one after another, and is the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lazyleap.files import storing

Images = NDArray[np.uint8]
Shape = tuple[int, int, int, int]
Tick = Callable[[int, int], None]  # how many images are there, of how many


class Room:
    """Files in ``folder``, one an array, as ``np.save`` writes them."""

    def __init__(self, folder: Path, called: Path, tick: Tick) -> None:
        self.folder, self.called, self.tick = folder, called, tick
        self.made: dict[int, tuple[Images, Path]] = {}  # by id, which lasts as long as the array
        self._numbers = count()

    def gather(self, rows: Iterable[Images], shape: Shape) -> Images:
        """A map of the file, to which the rows are written as they come."""
        path = self.folder / f"{next(self._numbers)}.npy"
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        with storing(self.called), path.open("wb", 2**20) as file:
            np.lib.format.write_array_header_1_0(file, header)
            for done, row in zip(range(1, shape[0] + 1), rows, strict=True):
                file.write(_checked(row, shape).tobytes())
                self.tick(done, shape[0])
        found: Images = np.load(path, mmap_mode="r")
        self.made[id(found)] = found, path
        return found


_room: ContextVar[Room | None] = ContextVar("room", default=None)


@contextmanager
def files(folder: Path, called: Path, tick: Tick) -> Iterator[None]:
    """In the block, images are gathered in files of ``folder`` and not in memory.

    ``called``: what a refusal of the disk names; ``tick`` is told after each image of an array.
    """
    token = _room.set(Room(folder, called, tick))
    try:
        yield
    finally:
        _room.reset(token)


def gather(rows: Iterable[Images], shape: Shape) -> Images:
    """One array ``[N, C, H, W]`` of the ``N`` images ``[C, H, W]``, uint8, that ``rows`` yields.

    In ``files`` it is a read-only map of a file, and no more than an image is held.

    Raises:
        ValueError: if they are fewer or more, or one is of another shape or type.
        DiskError: if the disk takes no more of the file.
    """
    if room := _room.get():
        return room.gather(rows, shape)
    found = np.empty(shape, np.uint8)
    for into, row in zip(found, rows, strict=True):
        into[:] = _checked(row, shape)
    return found


def moved(images: Images, path: Path) -> bool:
    """Whether these were gathered in a file; it then lies at ``path``, on the same disk."""
    room = _room.get()
    _, place = room.made.pop(id(images), (None, None)) if room else (None, None)
    if place:
        place.replace(path)
    return place is not None


def _checked(row: Images, shape: Shape) -> Images:
    if row.shape != shape[1:] or row.dtype != np.uint8:
        raise ValueError(f"an image is {row.dtype} {list(row.shape)}, not uint8 {list(shape[1:])}")
    return row
