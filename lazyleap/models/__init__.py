"""Networks, and how any ``nn.Module`` becomes a function of a tree."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from lazyleap.algorithms.maml import Forward
from lazyleap.bilevel import Tree
from lazyleap.errors import InputError
from lazyleap.models.conv4 import Conv4
from lazyleap.models.heads import Cosine
from lazyleap.models.resnet12 import ResNet12
from lazyleap.models.resnet_cifar import ResNetCifar

__all__ = [
    "Conv4",
    "Cosine",
    "ResNet12",
    "ResNetCifar",
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
