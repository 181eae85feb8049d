"""The images that every setting of a task learns from."""

from __future__ import annotations

from collections.abc import Mapping

from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError
from lazyleap.kind import Drawn
from lazyleap.longtail.options import LongTailTask
from lazyleap.longtail.profile import choose
from lazyleap.seeding import generator

TRAIN, TEST = "train/images/longtail.npz", "test/images/longtail.npz"


def draw(sets: Mapping[str, ImageSet], options: LongTailTask) -> dict[str, Drawn]:
    """The images that every setting learns from; beside the test images for their counts."""
    train, test = sets["train"], sets["test"]
    if train.classes != test.classes:
        raise InputError(
            f"reader '{options.dataset.reader}' has other classes in train than in test: "
            "long-tailed classification needs the same"
        )
    fixed = options.draw
    chance = generator(fixed.seed, "longtail")
    held = fixed.validation_per_class
    tail = choose(train, fixed.imbalance, fixed.meta_per_class, chance, fixed.order, held)
    return {TRAIN: tail, TEST: tail}
