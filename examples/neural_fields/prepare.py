"""The held-out images of a task, and images that cannot be fitted refused."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lazyleap.datasets.store import ImageSet, pieces
from lazyleap.errors import InputError
from lazyleap.kind import Drawn
from lazyleap.seeding import generator
from neural_fields.images import FILE, Chosen
from neural_fields.options import FieldTask


def draw(sets: Mapping[str, ImageSet], options: FieldTask) -> dict[str, Drawn]:
    """The images that every setting is validated and tested on, each once.

    Where a data set has no validation split they are drawn from the training images, which
    training then leaves out.
    """
    if not sets:
        raise InputError(f"dataset.reader: '{options.dataset.reader}' has no images to fit")
    for part, images in sets.items():
        check(part, images)
    held = "val" if "val" in sets else "train"
    return {
        f"train/images/{FILE}": _some(sets, held, "validation_images", options),
        f"test/images/{FILE}": _some(sets, "test", "test_images", options),
    }


def _some(sets: Mapping[str, ImageSet], part: str, key: str, options: FieldTask) -> Chosen:
    if part not in sets:
        raise InputError(f"dataset: has no {part} split, only {', '.join(sets)}")
    there, count = len(sets[part].images), getattr(options.draw, key)
    left = there - (part == "train")  # one to train on
    if count > left:
        raise InputError(f"draw.{key}: {count} images of the {part} split, which has {there}")
    chance = generator(options.draw.seed, key)
    return Chosen(np.sort(chance.choice(there, count, replace=False)))


def check(part: str, images: ImageSet) -> None:
    """Refuse images that are neither grey nor red, green and blue, or of one colour throughout.

    Raises:
        InputError: naming the split and the first such image.
    """
    channels = images.images.shape[1]
    if channels not in (1, 3):
        raise InputError(
            f"dataset: images of the {part} split have {channels} channels: 1 (grey) or 3 (red, "
            "green and blue) can be shown and compared"
        )
    if (row := _plain(images)) is not None:
        name = images.classes[images.labels[row]]
        raise InputError(
            f"dataset: image {row} of the {part} split (class '{name}') is of one colour: "
            "there is nothing to fit; take it out"
        )


def _plain(images: ImageSet) -> int | None:
    """The first image whose pixels are all alike; there may be more images than memory holds."""
    begin = 0
    for piece in pieces(images.images):
        flat = piece.reshape(*piece.shape[:2], -1)
        if len(found := np.flatnonzero((flat == flat[:, :, :1]).all((1, 2)))):
            return begin + int(found[0])
        begin += len(piece)
    return None
