"""Glyphs, the embedded default: characters of a dozen faces, distorted, drawn at prepare time.

Needs no network and no file: the fonts come with matplotlib (see ``fonts``). Train, val and test
classes come from different scripts, and letters that look alike are kept once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lazyleap.datasets import fonts
from lazyleap.datasets.options import Characters, Distortion, Glyphs
from lazyleap.datasets.room import gather
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError

# First words of Unicode names. Canadian: the Aboriginal syllabics.
SCRIPTS = {
    "train": ("LATIN", "CYRILLIC", "CANADIAN"),
    "val": ("GREEK", "COPTIC", "LISU", "LAO"),
    "test": ("ARMENIAN", "GEORGIAN", "HEBREW", "ARABIC"),
}
LIKENESS = 0.92  # correlation of bitmaps above which two characters count as one
FILL = 0.64  # share of the image's side that the longer side of an undistorted glyph fills
ORIGIN = {
    "licence": "Bitstream Vera / DejaVu (DejaVu fonts), SIL OFL 1.1 (STIX fonts)",
    "citation": "DejaVu Fonts, dejavu-fonts.github.io; STIX Fonts, stixfonts.org",
    "source": "rendered from the fonts that matplotlib ships",
}


def read(source: Path, options: Glyphs) -> dict[str, ImageSet]:
    """Draw all splits: grey images [N, 1, size, size], ink bright. ``source`` is not read.

    Equal options give equal arrays (with equal FreeType and fonts); an image depends on the seed,
    its character and its number only. Cost: about 0.3 ms an image, 2 s for choosing classes.
    Raises InputError if more classes are asked for than the scripts have.
    """
    del source
    numbers = range(options.images_per_class)
    return {
        split: draw_all(names, numbers, options) for split, names in characters(options).items()
    }


def characters(options: Glyphs) -> dict[str, list[str]]:
    """Choose each split's characters by ``options.seed`` from its scripts; in code order."""
    pools = {split: fonts.letters(scripts) for split, scripts in SCRIPTS.items()}
    unlike = set(fonts.distinct([c for pool in pools.values() for c in pool], LIKENESS))
    return {
        split: _choose(split, [c for c in pool if c in unlike], options)
        for split, pool in pools.items()
    }


def draw(
    character: str, numbers: Iterable[int], size: int, distortion: Distortion, seed: int
) -> NDArray[np.uint8]:
    """Images of one character, one a number: [n, 1, size, size], each in a face of its own draw.

    Image i is the same whichever others are drawn with it.
    """
    faces = fonts.coverage()[character]
    images = []
    for number in numbers:
        rng = np.random.default_rng([seed, ord(character), number])
        ink = fonts.cutout(character, faces[rng.integers(len(faces))])
        images.append(render(ink, size, distortion, rng))
    return np.stack(images)[:, None]


def render(
    ink: NDArray[np.uint8], size: int, distortion: Distortion, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """One glyph bitmap [h, w] -> image [size, size]: stroke, affine change, noise."""
    image = _stroke(Image.fromarray(np.pad(ink, 4)), distortion.stroke, rng)
    side = 2 * size  # drawn twice as large, then averaged: smooth edges
    matrix = _affine(image.size, max(ink.shape), side, distortion, rng)
    flat = image.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    pixels = np.asarray(flat.reduce(2), np.float64)
    pixels += 255 * rng.uniform(0, distortion.noise) * rng.standard_normal(pixels.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def draw_all(names: list[str], numbers: range, options: Glyphs | Characters) -> ImageSet:
    """As many images of each character, which are the classes."""
    size = options.size
    rows = (
        image
        for name in names
        for image in draw(name, numbers, size, options.distortion, options.seed)
    )
    labels = np.repeat(np.arange(len(names)), len(numbers)).astype(np.int64)
    return ImageSet(gather(rows, (len(labels), 1, size, size)), labels, tuple(names))


def _choose(split: str, pool: list[str], options: Glyphs) -> list[str]:
    count: int = getattr(options.classes, split)
    if count > len(pool):
        raise InputError(f"glyphs: classes.{split} is {count}, its scripts have {len(pool)}")
    order = np.random.default_rng([options.seed, len(pool)]).permutation(len(pool))
    return sorted(pool[index] for index in order[:count])


def _stroke(image: Image.Image, chance: float, rng: np.random.Generator) -> Image.Image:
    """With that chance a pen one pixel (of 64 an em) thinner or thicker on both sides."""
    change, thicker = rng.uniform(size=2)
    if change >= chance:
        return image
    return image.filter(ImageFilter.MaxFilter(3) if thicker < 0.5 else ImageFilter.MinFilter(3))


def _affine(
    shape: tuple[int, int], longest: int, side: int, limits: Distortion, rng: np.random.Generator
) -> tuple[float, ...]:
    """Draw the six numbers that take a point of the image to one of the glyph (Pillow's order)."""
    turn, shear, wide, tall, right, down = rng.uniform(-1, 1, 6)
    angle = math.radians(limits.rotation * turn)
    cos, sin = math.cos(angle), math.sin(angle)
    scales = np.diag([1 + limits.scale * wide, 1 + limits.scale * tall]) * FILL * side / longest
    forward = np.array([[cos, -sin], [sin, cos]]) @ [[1, limits.shear * shear], [0, 1]] @ scales
    back = np.linalg.inv(forward)
    middle = side / 2 + limits.shift * side * np.array([right, down])
    offset = np.array(shape) / 2 - back @ middle
    return (*map(float, back[0]), float(offset[0]), *map(float, back[1]), float(offset[1]))
