"""The classifier that a long-tailed task asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from lazyleap.models import Conv4, Cosine, ResNetCifar, sizes, users
from lazyleap.models.resnet_cifar import BLOCKS


def build(
    options: Any,
    classes: int,
    image: Mapping[str, int],
    *,
    running: bool,
    scale: float | None = None,
) -> nn.Module:
    """The classifier that params.yaml asks for, initialised from torch's global stream.

    ``running``: with the running statistics that a classifier is used with; without them, the same
    network for inner steps, of the same parameter names. ``scale``: a cosine head times it.
    """
    if (found := users.network(options, classes, image, running=running)) is not None:
        return found
    side, channels, width, norm = sizes.side(image), image["channels"], options.width, options.norm
    network: Conv4 | ResNetCifar
    if options.backbone in BLOCKS:
        blocks = BLOCKS[options.backbone]
        network = ResNetCifar(
            classes, blocks=blocks, channels=channels, width=width, norm=norm, running=running
        )
    else:
        network = Conv4(
            classes,
            channels=channels,
            size=side,
            width=width,
            norm=norm,
            downsample=options.downsample,
            running=running,
        )
    if scale is not None:
        network.add_module("head", Cosine(network.head.in_features, classes, scale))
    return network
