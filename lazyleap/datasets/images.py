"""Decode image files one way: turned upright, grey or colour, resized, channels first.

``examples/adapt.py``, which stands alone, does the same; a test holds both to the same bytes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from lazyleap.errors import InputError, short

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")  # not those that start programs
LARGEST = 2**26  # pixels
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def files(folder: Path) -> list[Path]:
    """List the images directly in a folder, by name, without hidden files."""
    return [path for path in _listed(folder) if path.suffix.lower() in SUFFIXES]


def folders(folder: Path) -> list[Path]:
    """List the folders directly in a folder, by name, without hidden ones."""
    return [path for path in _listed(folder) if path.is_dir()]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"folder {folder} cannot be read: {error.strerror}") from error


def decode(path: Path, size: int, channels: Literal[1, 3], crop: bool) -> NDArray[np.uint8]:
    """One image -> uint8 [channels, size, size]; transparency is laid on white.

    Turned as its EXIF orientation says; of 16 bits the upper eight; of an animation the first
    frame. ``crop``: keep the shape and cut the centre square; else stretch to the square.
    Raises InputError naming the file if it cannot be read, or holds real numbers or integers beyond
    16 bits, whose black and white nobody knows.
    """
    if not path.is_file():  # a pipe would be waited for
        raise InputError(f"image {path} does not exist")
    with opened(path, f"image {path}") as image:
        flat = _flatten(ImageOps.exif_transpose(image), "L" if channels == 1 else "RGB")
    fitted = ImageOps.fit(flat, (size, size)) if crop else flat.resize((size, size))
    pixels = np.asarray(fitted, np.uint8).reshape(size, size, channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


@contextmanager
def opened(file: Path | BinaryIO, called: str) -> Iterator[Image.Image]:
    """An image of one of the known formats, for the block, which may decode it.

    Raises:
        InputError: what it is ``called`` and why, if it cannot be read, or has more than 64 million
            pixels, which would take gigabytes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow on what it makes the best of
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > LARGEST:
                    raise ValueError(f"it has {image.width} x {image.height} pixels")
                yield image
    except UnidentifiedImageError as error:
        raise InputError(f"{called} cannot be read: it is none of {', '.join(FORMATS)}") from error
    except Exception as error:  # Pillow's decoders raise whatever a broken file makes them
        raise InputError(f"{called} cannot be read: {short(error)}") from error


def stack(
    paths: Iterable[Path], size: int, channels: Literal[1, 3], crop: bool
) -> NDArray[np.uint8]:
    """Decode several: [N, channels, size, size]. Cost: holds them once."""
    known = list(paths)
    found = np.empty((len(known), channels, size, size), np.uint8)
    for row, path in zip(found, known, strict=True):
        row[:] = decode(path, size, channels, crop)
    return found


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
