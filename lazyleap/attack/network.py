"""The gradient predictor that a setting asks for."""

from __future__ import annotations

from collections.abc import Mapping

from lazyleap.attack.options import task
from lazyleap.errors import InputError
from lazyleap.models.predictor import Predictor
from lazyleap.setting import Setting


def predictor(setting: Setting, image: Mapping[str, int]) -> Predictor:
    """The setting's network, initialised from torch's global stream.

    Raises:
        InputError: if a side of the images is no multiple of 4.
    """
    sides = image["height"], image["width"]
    if any(side % 4 for side in sides):
        raise InputError(
            f"images are {sides[0]}x{sides[1]}: the predictor wants multiples of 4 pixels"
        )
    return Predictor(image["channels"], task(setting).model.width)
