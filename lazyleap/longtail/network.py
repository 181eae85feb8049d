"""The classifier that a long-tailed task asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from lazyleap.longtail.classifier import PREFIX
from lazyleap.longtail.options import task
from lazyleap.models import Conv4, Cosine, ResNetCifar, sizes, users
from lazyleap.models.resnet_cifar import BLOCKS
from lazyleap.setting import Setting
from lazyleap.trees import Tree


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


def network(
    setting: Setting, classes: int, image: Mapping[str, int], *, running: bool
) -> nn.Module:
    """The network of a setting; LDAM's head is a cosine one."""
    scale = setting.option("scale")
    return build(task(setting).model, classes, image, running=running, scale=scale)


def tree(theta: Tree) -> dict[str, Tensor]:
    """The classifier's part of what training kept."""
    return {n.removeprefix(PREFIX): p for n, p in theta.items() if n.startswith(PREFIX)}
