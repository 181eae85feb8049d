"""Decode image files one way: turned upright, grey or colour, resized, channels first."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from lazyleap.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg")


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

    ``crop``: keep the shape and cut the centre square; else stretch to the square.
    Raises InputError naming the file if it cannot be read.
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
    if image.mode.startswith("I"):  # 16 bits a pixel: keep the upper eight
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert(mode)
    solid = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", solid.size, "white"), solid).convert(mode)
