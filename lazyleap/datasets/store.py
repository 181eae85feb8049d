"""Prepared datasets on disk: images as arrays by split, and one JSON file that describes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from mmap import MADV_DONTNEED, mmap
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lazyleap import records
from lazyleap.datasets import room
from lazyleap.errors import InputError, nearest, short
from lazyleap.files import replacing

INFO = "dataset.json"
PIECE = 2**22  # bytes read at a time, of which counting makes int64 copies


class _Split(records.Record):
    images: Annotated[int, Field(ge=1)]
    classes: Annotated[list[str], Field(min_length=1)]


class _Info(records.Record):
    """What every dataset.json has; of no images at all its numbers are 0."""

    splits: dict[str, _Split]
    channels: Annotated[int, Field(ge=0, le=1024)]
    height: Annotated[int, Field(ge=0, le=2**14)]
    width: Annotated[int, Field(ge=0, le=2**14)]
    mean: records.Numbers
    std: records.Numbers
    digest: str
    name: str = ""


@dataclass(frozen=True)
class ImageSet:
    """One split: images uint8 [N, C, H, W], labels int64 [N] into ``classes`` (their names)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """A prepared dataset's folder and description; arrays are read when a split is asked for."""

    folder: Path
    info: dict[str, Any]

    def split(self, name: str) -> ImageSet:
        """One split, memory-mapped and checked against the description.

        Raises InputError if the split is unknown or its files are missing, truncated or other
        than described. Cost: reads the labels, not the images.
        """
        about = self._about(name)
        images = _array(self.folder / f"{name}_images.npy", np.uint8, self._shape(about["images"]))
        labels = _array(self.folder / f"{name}_labels.npy", np.int64, (about["images"],))
        _check_labels(self.folder / f"{name}_labels.npy", labels, len(about["classes"]))
        return ImageSet(images, labels, tuple(about["classes"]))

    def count(self, name: str) -> int:
        """How many images a split has, by the description; InputError if it is unknown."""
        return int(self._about(name)["images"])

    def _about(self, name: str) -> dict[str, Any]:
        if name not in self.info["splits"]:
            hint = nearest(name, self.info["splits"])
            raise InputError(f"{self.folder} has no split '{name}': {hint}")
        about: dict[str, Any] = self.info["splits"][name]
        return about

    def _shape(self, count: int) -> tuple[int, ...]:
        return (count, self.info["channels"], self.info["height"], self.info["width"])


def save(
    folder: Path,
    sets: Mapping[str, ImageSet],
    info: Mapping[str, Any],
    more: Mapping[str, Callable[[Path], object]] | None = None,
) -> None:
    """Write splits and description; ``folder`` is replaced in one move, or left as it was.

    ``info`` adds what the arrays do not say: name, reader, licence, citation, source; and, when
    ``sets`` has no train split, the ``mean`` and ``std`` of the one it belongs to (``moments``).
    ``more``: what writes other files of the folder, by their names.
    """
    for name, part in sets.items():
        _check_set(name, part)
    with replacing(folder) as fresh:
        _write(fresh, sets, info)
        for name, write in (more or {}).items():
            write(fresh / name)


def load(folder: Path) -> Prepared:
    """Open what ``save`` wrote; raises InputError if it is missing or its description is broken."""
    return Prepared(folder, records.read(folder / INFO, _Info, "prepare the dataset"))


def digest(sets: Mapping[str, ImageSet]) -> str:
    """Sha256 over the splits in order of name: name, classes, shape, images, labels."""
    total = hashlib.sha256()
    for name in sorted(sets):
        part = sets[name]
        total.update(json.dumps([name, list(part.classes), part.images.shape]).encode())
        for piece in pieces(part.images):
            total.update(np.ascontiguousarray(piece).data)
        total.update(np.ascontiguousarray(part.labels).astype("<i8").data)
    return total.hexdigest()


def moments(images: NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation a channel of pixels / 255, exactly, from counts of the values."""
    values = np.arange(256) / 255
    mean, std = [], []
    for counts in _counts(images):
        centre = float(counts @ values / counts.sum())
        mean.append(round(centre, 6))
        std.append(round(float(np.sqrt(counts @ (values - centre) ** 2 / counts.sum())), 6))
    return mean, std


def _counts(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each channel has each value, [C, 256]."""
    found = np.zeros((images.shape[1], 256), np.int64)
    for piece in pieces(images):
        for channel, counts in enumerate(found):
            counts += np.bincount(piece[:, channel].ravel(), minlength=256)
    return found


def pieces(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Some images at a time, all in turn; of a read-only map no more is held than a piece."""
    step = max(1, PIECE // max(1, images[:1].nbytes))
    mapped: object = images.base if not images.flags.writeable else None
    for start in range(0, len(images), step):
        yield images[start : start + step]
        if isinstance(mapped, mmap):
            mapped.madvise(MADV_DONTNEED)  # the file has it


def _write(folder: Path, sets: Mapping[str, ImageSet], info: Mapping[str, Any]) -> None:
    for name, part in sets.items():
        if not room.moved(part.images, place := folder / f"{name}_images.npy"):
            np.save(place, part.images)
        np.save(folder / f"{name}_labels.npy", part.labels)
    text = json.dumps(
        {**_moments_of(sets, info), **info, **_describe(sets)},
        indent=1,
        sort_keys=True,
        ensure_ascii=False,
    )
    (folder / INFO).write_text(text + "\n", encoding="utf-8")


def _moments_of(sets: Mapping[str, ImageSet], info: Mapping[str, Any]) -> dict[str, list[float]]:
    """Normalisation comes from training images alone, also for a folder of test images."""
    if "train" not in sets:
        return {"mean": info.get("mean", []), "std": info.get("std", [])}
    mean, std = moments(sets["train"].images)
    return {"mean": mean, "std": std}


def _describe(sets: Mapping[str, ImageSet]) -> dict[str, Any]:
    splits = {
        name: {"images": len(part.images), "classes": list(part.classes)}
        for name, part in sets.items()
    }
    channels, height, width = next(iter(sets.values())).images.shape[1:] if sets else (0, 0, 0)
    shape = {"channels": channels, "height": height, "width": width}
    return {"splits": splits, **shape, "digest": digest(sets)}


def _check_set(name: str, part: ImageSet) -> None:
    if part.images.dtype != np.uint8 or part.images.ndim != 4 or not len(part.images):
        what = f"{part.images.dtype} {list(part.images.shape)}"
        raise InputError(f"split '{name}': images must be uint8 [N, C, H, W], not {what}")
    if part.labels.dtype != np.int64 or part.labels.shape != part.images.shape[:1]:
        what = f"{part.labels.dtype} {list(part.labels.shape)}"
        raise InputError(f"split '{name}': labels must be int64 [{len(part.images)}], not {what}")
    _check_labels(Path(name), part.labels, len(part.classes))


def _array(path: Path, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    if not path.is_file():
        raise InputError(f"{path} is missing: prepare the dataset again")
    try:
        array: Any = np.load(path, mmap_mode="c")  # writable, as torch wants; the file stays
    except Exception as error:  # numpy parses the header as Python, which raises any
        raise InputError(f"{path} is truncated or not an array: {short(error)}") from error
    if not isinstance(array, np.ndarray):
        array.close()  # of several arrays, an .npz
        raise InputError(f"{path} is truncated or not an array: it is an archive")
    if array.dtype != dtype or array.shape != shape:
        found = f"{array.dtype} {list(array.shape)}"
        raise InputError(f"{path} holds {found}, described is {np.dtype(dtype)} {list(shape)}")
    known: NDArray[Any] = array
    return known


def _check_labels(path: Path, labels: NDArray[np.int64], classes: int) -> None:
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise InputError(f"{path}: labels {low}..{high} are outside 0..{classes - 1}")
