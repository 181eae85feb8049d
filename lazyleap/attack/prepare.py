"""The test images that may be attacked; the training images that no surrogate sees."""

from __future__ import annotations

from collections.abc import Mapping

from lazyleap.attack.chosen import choose
from lazyleap.attack.options import AttackTask
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError
from lazyleap.kind import Drawn
from lazyleap.seeding import generator

HELD_OUT, ATTACKED = "train/images/held_out.npz", "test/images/attacked.npz"


def draw(sets: Mapping[str, ImageSet], options: AttackTask) -> dict[str, Drawn]:
    """The test images that may be attacked; the training images that no surrogate sees."""
    train, test, fixed = sets["train"], sets["test"], options.draw
    if train.classes != test.classes:
        raise InputError(
            f"reader '{options.dataset.reader}' has other classes in train than in test: "
            "an attack needs the same"
        )
    if fixed.held_out >= len(train.labels):
        raise InputError(f"draw: held_out {fixed.held_out} of {len(train.labels)} training images")
    try:
        return {
            HELD_OUT: choose(train, fixed.held_out, generator(fixed.seed, "held_out")),
            ATTACKED: choose(test, fixed.images, generator(fixed.seed, "attacked")),
        }
    except InputError as error:
        raise InputError(f"draw: {error}") from error
