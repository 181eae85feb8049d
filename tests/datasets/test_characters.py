"""Characters for ordinary classification: one set of classes, no image in two splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lazyleap.datasets import read
from lazyleap.datasets.options import Characters
from lazyleap.errors import InputError

STILL = dict.fromkeys(("rotation", "shear", "scale", "shift", "stroke", "noise"), 0.1)


def options(characters: str = "ceo", **images: int) -> Characters:
    return Characters.model_validate(
        {"reader": "characters", "source": ".", "size": 16, "characters": characters}
        | {"images_per_class": {"train": 4, "test": 2} | images, "distortion": STILL, "seed": 0}
    )


def test_classes_are_shared_and_images_are_not():
    sets = read(options(), Path())
    assert sets["train"].classes == sets["test"].classes == ("c", "e", "o")
    assert sets["train"].labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert sets["test"].images.shape == (6, 1, 16, 16)
    rows = [image.tobytes() for part in sets.values() for image in part.images]
    assert len(set(rows)) == len(rows)


def test_more_images_leave_the_others_as_they_are():
    few, many = (read(options(train=n), Path())["train"] for n in (4, 6))
    assert np.array_equal(few.images[:4], many.images[:4])


@pytest.mark.parametrize(
    ("characters", "words"),
    [("cec", "'c' appears twice"), ("c\u4e00", "no font has"), ("c ", "is blank")],
)
def test_refused(characters, words):
    with pytest.raises(InputError, match=words):
        read(options(characters), Path())
