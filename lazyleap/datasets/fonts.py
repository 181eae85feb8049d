"""The fonts matplotlib ships: which faces draw a character, and which characters look alike.

DejaVu (Bitstream Vera licence, its changes public domain) and STIX (SIL OFL) cover thousands of
characters in up to sixteen faces.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFont

from lazyleap.errors import InputError, short

EM = 64  # pixels: the size characters are drawn at before they are distorted
TILE = 20  # pixels: the size they are compared at
FAMILIES = ("DejaVuSans", "DejaVuSerif", "STIXGeneral")
LEAST_FACES = 4  # a character that fewer faces have would be too easy to tell

Found = TypeVar("Found")
Coverage = dict[str, tuple[str, ...]]  # character -> the faces that have it


@cache
def coverage() -> Coverage:
    """Every character and the faces (file names, sorted) that have it; reads 16 font files."""
    from matplotlib.ft2font import FT2Font

    found: dict[str, list[str]] = {}
    for face in _faces():
        for code in _readable(lambda path: FT2Font(str(path)).get_charmap(), face):
            found.setdefault(chr(code), []).append(face)
    return {character: tuple(faces) for character, faces in found.items()}


def letters(scripts: Iterable[str]) -> list[str]:
    """Plain letters of the scripts (first words of Unicode names), in code-point order.

    Without letters that Unicode composes of others (accents, ligatures) and modifier letters.
    """
    wanted = set(scripts)
    return sorted(
        character
        for character, faces in coverage().items()
        if len(faces) >= LEAST_FACES
        and unicodedata.category(character) in ("Lu", "Ll", "Lo")
        and not unicodedata.decomposition(character)
        and unicodedata.name(character, "").split(" ")[0] in wanted
    )


@cache
def cutout(character: str, face: str) -> NDArray[np.uint8]:
    """Draw the character in that face, ink 255, cut to its bounding box; 0 x 0 if blank."""
    mask = _font(face).getmask(character, mode="L")
    pixels = np.array(mask, np.uint8).reshape(mask.size[1], mask.size[0])
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    if not len(rows):
        return np.zeros((0, 0), np.uint8)
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def distinct(characters: Sequence[str], likeness: float) -> list[str]:
    """Drop blank characters and those that look like an earlier one; keep the order.

    Two look alike when in some face their bitmaps, scaled to one size, correlate above
    ``likeness``: so Latin A, Greek Alpha and Cyrillic A are one, as are o and O.
    Cost: draws each character in each of its faces; memory of n^2 floats.
    """
    characters = [character for character in characters if not _blank(character)]
    alike = np.zeros((len(characters), len(characters)), np.float32)
    for face in _faces():
        tiles = np.stack([_tile(character, face) for character in characters])
        np.maximum(alike, tiles @ tiles.T, out=alike)
    return _first_of_kind(characters, alike > likeness)


def _first_of_kind(characters: Sequence[str], alike: NDArray[np.bool_]) -> list[str]:
    kept: list[int] = []
    for index in range(len(characters)):
        if not alike[index, kept].any():
            kept.append(index)
    return [characters[index] for index in kept]


def _blank(character: str) -> bool:
    return any(not cutout(character, face).size for face in coverage()[character])


def _tile(character: str, face: str) -> NDArray[np.float32]:
    """Scale the character in one face to a tile; its centred unit vector, zero if there is none."""
    flat = np.zeros(TILE * TILE, np.float32)
    if face not in coverage()[character] or not cutout(character, face).size:
        return flat
    image = Image.fromarray(cutout(character, face))
    ratio = TILE / max(image.size)
    width, height = (max(1, round(side * ratio)) for side in image.size)
    canvas = Image.new("L", (TILE, TILE))
    small = image.resize((width, height), Image.Resampling.BOX)
    canvas.paste(small, ((TILE - width) // 2, (TILE - height) // 2))
    flat[:] = np.asarray(canvas, np.float32).ravel()
    flat -= flat.mean()
    return flat / max(float(np.linalg.norm(flat)), 1e-6)


@cache
def _faces() -> tuple[str, ...]:
    names = (path.name for path in _folder().glob("*.ttf"))
    return tuple(sorted(n for n in names if n.startswith(FAMILIES) and "Display" not in n))


@cache
def _font(face: str) -> ImageFont.FreeTypeFont:
    # the basic layout takes one glyph a character: no shaping library, equal on all machines
    basic = ImageFont.Layout.BASIC
    return _readable(lambda path: ImageFont.truetype(path, EM, layout_engine=basic), face)


def _readable(read: Callable[[Path], Found], face: str) -> Found:
    """What ``read`` finds in a font; InputError if it is damaged."""
    path = _folder() / face
    try:
        return read(path)
    except Exception as error:  # FreeType's own
        raise InputError(f"font {path} cannot be read: {short(error)}") from error


@cache
def _folder() -> Path:
    try:
        import matplotlib
    except ImportError:
        raise InputError("reader 'glyphs' needs the fonts of matplotlib: install it") from None
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"
