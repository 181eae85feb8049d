"""The backbone that a few-shot task asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from lazyleap.models import Conv4, ResNet12, sizes, users


def build(options: Any, way: int, image: Mapping[str, int]) -> nn.Module:
    """The network that params.yaml asks for, initialised from torch's global stream.

    ``image`` has ``channels``, ``height`` and ``width``.

    Raises:
        InputError: if the images are not square or too small.
    """
    if (found := users.network(options, way, image)) is not None:
        return found
    side, channels = sizes.side(image), image["channels"]
    if options.backbone == "resnet12":
        return ResNet12(way, channels=channels, width=options.width, norm=options.norm)
    return Conv4(
        way,
        channels=channels,
        size=side,
        width=options.width,
        norm=options.norm,
        downsample=options.downsample,
    )
