"""CIFAR-10 and CIFAR-100 from their binary files, and the few-shot splits CIFAR-FS and FC100.

CIFAR-FS (Bertinetto et al., ICLR 2019) divides CIFAR-100's classes; FC100 (Oreshkin et al.,
NeurIPS 2018) its superclasses. Both put the 600 images of a class, train and test, together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lazyleap.datasets import splits
from lazyleap.datasets.content import Members, unpack
from lazyleap.datasets.options import Cifar, FewShotCifar
from lazyleap.datasets.room import gather
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError, nearest, short, shown

IMAGE = (3, 32, 32)
PIXELS = 3 * 32 * 32  # bytes an image, channel by channel


@dataclass(frozen=True)
class _Hundred:
    """CIFAR-100 in one order, which are ``rows`` of images; labels [N] in it, and names."""

    images: NDArray[np.uint8]
    rows: NDArray[np.int64]
    coarse: NDArray[np.int64]
    fine: NDArray[np.int64]
    coarse_names: tuple[str, ...]
    fine_names: tuple[str, ...]


def read(source: Path, options: Cifar | FewShotCifar) -> dict[str, ImageSet]:
    """Colour images [N, 3, 32, 32] of splits train, test (and val, for the few-shot readers).

    CIFAR-100 is sorted by class and pixels, so that any order of its records gives equal arrays.
    Cost: holds the unpacked files (180 MB) once and their records once; about 3 s.
    Raises InputError for a truncated or foreign archive, or a listed class that does not exist.
    """
    name = "cifar-10" if options.reader == "cifar-10" else "cifar-100"
    path = source / f"{name}-binary.tar.gz"
    members = unpack(path, "tar.gz")
    if name == "cifar-10":
        return _read_ten(members, path)
    if isinstance(options, FewShotCifar):
        whole = _read_hundred(members, path, ("train.bin", "test.bin"))
        return {split: _few_shot(whole, options, split) for split in splits.SPLITS}
    return {
        split: _all_classes(_read_hundred(members, path, (f"{split}.bin",)))
        for split in ("train", "test")
    }


def _read_ten(members: Members, path: Path) -> dict[str, ImageSet]:
    names = _lines(members, path, "batches.meta.txt")
    batches = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}
    return {
        split: _as_set(_rows(members, path, files, 1), names, path)
        for split, files in batches.items()
    }


def _as_set(records: NDArray[np.uint8], names: tuple[str, ...], path: Path) -> ImageSet:
    labels = _checked(records[:, 0], path, names)
    return ImageSet(_gathered(_images(records), np.arange(len(records))), labels, names)


def _read_hundred(members: Members, path: Path, files: tuple[str, ...]) -> _Hundred:
    records = _rows(members, path, files, 2)
    rows = _sorted(records)
    coarse, fine = (_lines(members, path, f"{of}_label_names.txt") for of in ("coarse", "fine"))
    return _Hundred(
        _images(records),
        rows,
        _checked(records[rows, 0], path, coarse),
        _checked(records[rows, 1], path, fine),
        coarse,
        fine,
    )


def _sorted(records: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Rows by fine label, then by all bytes; a class at a time, for the bytes are copied."""
    classes = [np.flatnonzero(records[:, 1] == label) for label in np.unique(records[:, 1])]
    return np.array(
        [row for rows in classes for row in sorted(rows, key=lambda row: records[row].tobytes())]
    )


def _all_classes(data: _Hundred) -> ImageSet:
    return ImageSet(_gathered(data.images, data.rows), data.fine, data.fine_names)


def _few_shot(data: _Hundred, options: FewShotCifar, split: str) -> ImageSet:
    listed = splits.entries(options.splits, split)
    where = f"{options.splits}/{split}.json"
    if options.reader == "cifar-fs":
        names = [_second(entry, where) for entry in listed]
        return _relabel(data, [_index(data.fine_names, name, where) for name in names])
    coarse = [_index(data.coarse_names, str(name), where) for name in listed]
    inside = np.unique(data.fine[np.isin(data.coarse, coarse)])
    return _relabel(data, [int(label) for label in inside])


def _relabel(data: _Hundred, classes: list[int]) -> ImageSet:
    """Take the images of these classes, one after another, labels 0, 1, ... in their order."""
    rows = [np.flatnonzero(data.fine == label) for label in classes]
    labels = np.repeat(np.arange(len(classes)), [len(part) for part in rows]).astype(np.int64)
    names = tuple(data.fine_names[label] for label in classes)
    chosen = data.rows[np.concatenate(rows)]
    return ImageSet(_gathered(data.images, chosen), labels, names)


def _gathered(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    return gather((images[row] for row in rows), (len(rows), *IMAGE))


def _second(entry: object, where: str) -> str:
    if not isinstance(entry, list) or len(entry) != 2:
        raise InputError(f"{where}: entry {shown(entry)} must be [superclass, class]")
    return str(entry[1])


def _index(names: tuple[str, ...], name: str, where: str) -> int:
    if name not in names:
        hint = nearest(name, names)
        raise InputError(f"class '{short(name)}' of {where} is not in CIFAR-100: {hint}")
    return names.index(name)


def _images(records: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return records[:, -PIXELS:].reshape(-1, *IMAGE)


def _rows(members: Members, path: Path, files: Sequence[str], labels: int) -> NDArray[np.uint8]:
    return np.concatenate([_records(members, path, file, labels) for file in files])


def _records(members: Members, path: Path, name: str, labels: int) -> NDArray[np.uint8]:
    """One member as rows [N, labels + 3072]."""
    raw = np.frombuffer(_member(members, path, name), np.uint8)
    if not raw.size or raw.size % (labels + PIXELS):
        raise InputError(f"{path}: {name} has {raw.size} bytes, no multiple of {labels + PIXELS}")
    return raw.reshape(-1, labels + PIXELS)


def _lines(members: Members, path: Path, name: str) -> tuple[str, ...]:
    try:
        return tuple(_member(members, path, name).decode().split())
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: {name} is not UTF-8") from error


def _checked(labels: NDArray[np.uint8], path: Path, names: tuple[str, ...]) -> NDArray[np.int64]:
    if labels.max() >= len(names):
        raise InputError(f"{path}: label {labels.max()} is outside 0..{len(names) - 1}")
    return labels.astype(np.int64)


def _member(members: Members, path: Path, name: str) -> bytes:
    for member, raw in members.items():
        if member.rpartition("/")[2] == name:
            return raw
    raise InputError(f"{path} has no file '{name}'")
