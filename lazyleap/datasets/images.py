"""Decode image files one way: turned upright, grey or colour, resized, channels first.

``examples/adapt.py``, which stands alone, does the same; a test holds both to the same bytes.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from lazyleap.datasets.room import gather
from lazyleap.errors import InputError, short
from lazyleap.parallel import Share, cores, in_order

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")  # not those that start programs
LARGEST = 2**26  # pixels
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
WORKERS = 8  # at most; each takes memory, and together they read one disk
PIECE, MOST = 2**20, 16  # bytes and images that a worker decodes before it hands them over
_SHARE = Share(LARGEST)  # pixels that workers decode at once: no more than one of them may


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
    with _quiet():
        return _decode(path, size, channels, crop)


def _decode(path: str | Path, size: int, channels: Literal[1, 3], crop: bool) -> NDArray[np.uint8]:
    if not Path(path).is_file():  # a pipe would be waited for
        raise InputError(f"image {path} does not exist")
    with _opened(path, f"image {path}") as image, _SHARE.of(image.width * image.height):
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
    with _quiet(), _opened(file, called) as image:
        yield image


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of what it makes the best of. Threads may not do this, it is for all of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _no_word_of_libtiff() -> None:
    """It writes to stderr and names no file; Pillow raises an error of its own, or needs none."""
    packages = Path(PIL.__file__).parent
    places = (
        (packages.parent / "pillow.libs").glob("libtiff*"),
        (packages / ".dylibs").glob("libtiff*"),
    )
    for path in chain(*places):
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(path))  # the one that is loaded already
            library.TIFFSetErrorHandler(None)
            library.TIFFSetWarningHandler(None)


_no_word_of_libtiff()


@contextmanager
def _opened(file: str | Path | BinaryIO, called: str) -> Iterator[Image.Image]:
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > LARGEST:
                raise ValueError(f"it has {image.width} x {image.height} pixels")
            yield image
    except UnidentifiedImageError as error:
        raise InputError(f"{called} cannot be read: it is none of {', '.join(FORMATS)}") from error
    except Exception as error:  # Pillow's decoders raise whatever a broken file makes them
        raise InputError(f"{called} cannot be read: {short(error)}") from error


def stack(
    paths: Sequence[str], size: int, channels: Literal[1, 3], crop: bool, workers: int | None = None
) -> NDArray[np.uint8]:
    """Decode several: [N, channels, size, size], gathered as :mod:`lazyleap.datasets.room` says.

    ``workers`` threads share the work, by default one a core; the result and the image that an
    error names, the first of ``paths``, are the same for any number. Cost: a few megabytes a
    worker beside the result; paths are text, for a path object takes three times as much.
    """
    work = partial(_decode, size=size, channels=channels, crop=crop)
    threads = workers or min(cores(), WORKERS)
    piece = max(1, min(PIECE // (channels * size * size), MOST))
    with _quiet(), closing(in_order(work, paths, threads, piece)) as rows:
        return gather(rows, (len(paths), channels, size, size))


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
