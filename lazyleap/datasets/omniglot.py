"""Omniglot (Lake et al., Science 2015): 1,623 handwritten characters, 20 drawings each.

Classes follow a list (``options.splits``) of ``Alphabet/characterNN[/rotRRR]``; a rotation by
RRR degrees makes a class of its own, as in Vinyals et al. (2016).
"""

from __future__ import annotations

import io
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lazyleap.datasets import splits
from lazyleap.datasets.archives import members
from lazyleap.datasets.images import opened
from lazyleap.datasets.options import Omniglot
from lazyleap.datasets.room import gather
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError, nearest, short

ARCHIVES = ("images_background.zip", "images_evaluation.zip")
Drawings = dict[str, NDArray[np.uint8]]  # Alphabet/characterNN -> [drawings, size, size]


def read(source: Path, options: Omniglot) -> dict[str, ImageSet]:
    """Both zips, in memory, as grey images [N, 1, size, size]: ink 255, paper 0.

    Cost: decodes each drawing once (32,460 of them: about 10 s); each listed class is 20 images.
    Raises InputError for a truncated zip, or a listed class that the zips do not have.
    """
    drawings: Drawings = {}
    for name in ARCHIVES:
        drawings |= _read_zip(source / name, options.size)
    return {
        split: _select(drawings, splits.lines(options.splits, split), f"{options.splits}/{split}")
        for split in splits.SPLITS
    }


def _read_zip(path: Path, size: int) -> Drawings:
    found: dict[str, list[tuple[str, NDArray[np.uint8]]]] = {}
    for member, raw in members(path, "zip", _is_drawing):
        character = "/".join(member.split("/")[-3:-1])
        found.setdefault(character, []).append((member, _decode(path, member, raw, size)))
    return {
        name: np.stack([drawing for _, drawing in sorted(drawings, key=itemgetter(0))])
        for name, drawings in found.items()
    }


def _is_drawing(member: str) -> bool:
    return member.endswith(".png") and not member.startswith("__MACOSX")


def _decode(path: Path, member: str, raw: bytes, size: int) -> NDArray[np.uint8]:
    """Grey, resized, inverted: the files are black ink on white."""
    with opened(io.BytesIO(raw), f"{path}: {short(member)}") as image:
        grey = image.convert("L").resize((size, size), Image.Resampling.BILINEAR)
    return 255 - np.asarray(grey)


def _select(drawings: Drawings, names: list[str], where: str) -> ImageSet:
    images = [_class(drawings, name, where) for name in names]  # views
    labels = np.repeat(np.arange(len(names)), [len(part) for part in images])
    rows = (image[None] for part in images for image in part)
    every = gather(rows, (len(labels), 1, *images[0].shape[1:]))
    return ImageSet(every, labels.astype(np.int64), tuple(names))


def _class(drawings: Drawings, name: str, where: str) -> NDArray[np.uint8]:
    character, _, rotation = name.partition("/rot")
    if character not in drawings:
        hint = nearest(character, drawings)
        raise InputError(f"class '{short(name)}' of list '{where}' is not in the archives: {hint}")
    if rotation not in ("", "000", "090", "180", "270"):
        raise InputError(
            f"class '{short(name)}' of list '{where}': rotation must be a quarter turn"
        )
    return np.rot90(drawings[character], int(rotation or 0) // 90, axes=(1, 2))
