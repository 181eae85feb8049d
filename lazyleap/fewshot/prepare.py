"""The fixed episodes of a task."""

from __future__ import annotations

from collections.abc import Mapping

from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError
from lazyleap.fewshot.episodes import Episodes, Sampler
from lazyleap.fewshot.options import FewShotTask
from lazyleap.kind import Drawn
from lazyleap.seeding import generator

VALIDATION, TEST = "train/images/validation.npz", "test/images/episodes.npz"


def draw(sets: Mapping[str, ImageSet], options: FewShotTask) -> dict[str, Drawn]:
    """The episodes that every setting is validated and tested on."""
    fixed = options.draw

    def episodes(part: str, count: int) -> Episodes:
        if part not in sets:
            raise InputError(f"dataset: has no {part} split, only {', '.join(sets)}")
        try:
            sampler = Sampler(sets[part], fixed.way, fixed.shot, fixed.query, options.grouped)
        except InputError as error:
            raise InputError(f"draw, {part} split: {error}") from error
        return sampler.draw(count, generator(fixed.seed, part))

    return {
        VALIDATION: episodes("val", fixed.validation_episodes),
        TEST: episodes("test", fixed.test_episodes),
    }
