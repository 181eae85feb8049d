"""A few characters to classify, the embedded default of long-tailed classification.

Rendered and distorted as in ``glyphs``; train and test have the same classes, other images.
"""

from __future__ import annotations

from pathlib import Path

from lazyleap.datasets import fonts
from lazyleap.datasets.glyphs import ORIGIN as ORIGIN
from lazyleap.datasets.glyphs import draw_all
from lazyleap.datasets.options import Characters
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError


def read(source: Path, options: Characters) -> dict[str, ImageSet]:
    """Draw train and test: grey images [N, 1, size, size], ink bright. ``source`` is not read.

    Image i of a character depends on the seed, the character and i only; test images are numbered
    after those of training. Cost: about 0.3 ms an image.
    Raises InputError for a character given twice or that no font has.
    """
    del source
    names = tuple(options.characters)
    _check(names)
    first, last = options.images_per_class.train, options.images_per_class.test
    spans = {"train": range(first), "test": range(first, first + last)}
    return {split: draw_all(list(names), span, options) for split, span in spans.items()}


def _check(names: tuple[str, ...]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InputError(f"characters: '{name}' appears twice")
        if name not in fonts.coverage():
            raise InputError(f"characters: no font has '{name}' (U+{ord(name):04X})")
        if not all(fonts.cutout(name, face).size for face in fonts.coverage()[name]):
            raise InputError(f"characters: '{name}' (U+{ord(name):04X}) is blank")
