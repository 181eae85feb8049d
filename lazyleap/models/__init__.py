"""Networks, and how any ``nn.Module`` becomes a function of a tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from lazyleap.algorithms.maml import Forward
from lazyleap.bilevel import Tree
from lazyleap.config import ModelOptions
from lazyleap.config_longtail import ClassifierOptions
from lazyleap.errors import InputError
from lazyleap.models.conv4 import Conv4
from lazyleap.models.heads import Cosine
from lazyleap.models.resnet12 import ResNet12
from lazyleap.models.resnet_cifar import BLOCKS, ResNetCifar

__all__ = [
    "Conv4",
    "Cosine",
    "ResNet12",
    "ResNetCifar",
    "build",
    "classifier",
    "functional",
    "weights",
]


def functional(module: nn.Module) -> Forward:
    """``module`` as a function of its parameters: ``forward(parameters, inputs)``.

    Raises:
        InputError: if the module keeps running statistics, which an inner loop would overwrite.
    """
    if any(getattr(m, "track_running_stats", False) for m in module.modules()):
        raise InputError("a module with running statistics: use track_running_stats=False")

    def forward(parameters: Tree, inputs: Tensor) -> Tensor:
        return cast(Tensor, torch.func.functional_call(module, dict(parameters), (inputs,)))

    return forward


def weights(module: nn.Module) -> dict[str, Tensor]:
    """The module's parameters as a tree, copied."""
    return {n: p.detach().clone() for n, p in module.named_parameters()}


def build(options: ModelOptions, way: int, image: Mapping[str, int]) -> nn.Module:
    """The network that params.yaml asks for, initialised from torch's global stream.

    ``image`` has ``channels``, ``height`` and ``width``.

    Raises:
        InputError: if the images are not square or too small.
    """
    side, channels = _side(image), image["channels"]
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


def classifier(
    options: ClassifierOptions,
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
    side, channels, width, norm = _side(image), image["channels"], options.width, options.norm
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


def _side(image: Mapping[str, int]) -> int:
    side = image["height"]
    if image["width"] != side or side < 16:
        raise InputError(f"images are {side}x{image['width']}: networks here want squares from 16")
    return side
