"""Decode image files one way: turned upright, grey or colour, resized, channels first.

``examples/adapt.py``, which stands alone, does the same; a test holds both to the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from lazyleap.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def files(folder: Path) -> list[Path]:
    """List the images directly in a folder, by name, without hidden files."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def folders(folder: Path) -> list[Path]:
    """List the folders directly in a folder, by name, without hidden ones."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def decode(path: Path, size: int, channels: Literal[1, 3], crop: bool) -> NDArray[np.uint8]:
    """One image -> uint8 [channels, size, size]; transparency is laid on white.

    Turned as its EXIF orientation says; of 16 bits the upper eight; of an animation the first
    frame. ``crop``: keep the shape and cut the centre square; else stretch to the square.
    Raises InputError naming the file if it cannot be read, or holds real numbers or integers beyond
    16 bits, whose black and white nobody knows.
    """
    try:
        with Image.open(path) as image:
            flat = _flatten(ImageOps.exif_transpose(image), "L" if channels == 1 else "RGB")
    except FileNotFoundError:
        raise InputError(f"image {path} does not exist") from None
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        ValueError,
        SyntaxError,
    ) as error:
        raise InputError(f"image {path} cannot be read: {error}") from error
    fitted = ImageOps.fit(flat, (size, size)) if crop else flat.resize((size, size))
    pixels = np.asarray(fitted, np.uint8).reshape(size, size, channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def stack(
    paths: Iterable[Path], size: int, channels: Literal[1, 3], crop: bool
) -> NDArray[np.uint8]:
    """Decode several: [N, channels, size, size]."""
    return np.stack([decode(path, size, channels, crop) for path in paths])


def _flatten(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "F":
        raise ValueError("it holds real numbers, of unknown range: save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        image = _upper_eight_bits(image)
    if not image.has_transparency_data:
        return image.convert(mode)
    solid = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", solid.size, "white"), solid).convert(mode)


def _upper_eight_bits(image: Image.Image) -> Image.Image:
    values, clear = np.asarray(image).astype(np.int64), image.info.get("transparency")
    if values.min() < 0 or values.max() > 0xFFFF:
        raise ValueError(f"it holds numbers from {values.min()} to {values.max()}: 16 bits at most")
    grey = Image.fromarray((values >> 8).astype(np.uint8))
    if clear is not None:  # one value stands for transparent
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey
