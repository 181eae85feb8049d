"""Networks, and how any ``nn.Module`` becomes a function of a tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from lazyleap.algorithms.maml import Forward
from lazyleap.bilevel import Tree
from lazyleap.config import ModelOptions
from lazyleap.errors import InputError
from lazyleap.models.conv4 import Conv4
from lazyleap.models.resnet12 import ResNet12

__all__ = ["Conv4", "ResNet12", "build", "functional", "weights"]


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
    side = image["height"]
    if image["width"] != side or side < 16:
        raise InputError(f"images are {side}x{image['width']}: networks here want squares from 16")
    channels = image["channels"]
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
