"""What networks here ask of the size of their images."""

from __future__ import annotations

from collections.abc import Mapping

from lazyleap.errors import InputError


def side(image: Mapping[str, int]) -> int:
    """The side of square images; InputError if they are not square or too small."""
    length = image["height"]
    if image["width"] != length or length < 16:
        raise InputError(
            f"images are {length}x{image['width']}: networks here want squares from 16"
        )
    return length
