"""A reader of data: bright bars at as many angles as there are classes."""

import numpy as np

from lazyleap.blocks import Count, ReaderOptions
from lazyleap.datasets import ImageSet


class ShapesOptions(ReaderOptions):
    size: Count
    images_per_class: Count


class Shapes:
    Options = ShapesOptions

    @staticmethod
    def read(source, options: ShapesOptions) -> dict[str, ImageSet]:
        chance = np.random.default_rng(0)
        return {name: split(chance, options) for name in ("train", "val", "test")}


def split(chance: np.random.Generator, options: ShapesOptions, classes: int = 6) -> ImageSet:
    labels = np.arange(classes).repeat(options.images_per_class)
    y, x = np.mgrid[-1 : 1 : options.size * 1j, -1 : 1 : options.size * 1j]
    angle = (np.pi * (labels + chance.uniform(0, 0.3, len(labels))) / classes)[:, None, None]
    bars = 255 * np.exp(-20 * (x * np.sin(angle) - y * np.cos(angle)) ** 2)
    images = np.clip(bars + chance.normal(0, 9, bars.shape), 0, 255).astype(np.uint8)
    return ImageSet(images[:, None], labels, tuple(f"bar-{c}" for c in range(classes)))
