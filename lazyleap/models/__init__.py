"""Networks, and how any ``nn.Module`` becomes a function of a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazyleap.lazily import offer

if TYPE_CHECKING:
    from lazyleap.models.conv4 import Conv4 as Conv4
    from lazyleap.models.heads import Cosine as Cosine
    from lazyleap.models.resnet12 import ResNet12 as ResNet12
    from lazyleap.models.resnet_cifar import ResNetCifar as ResNetCifar
    from lazyleap.models.stateless import functional as functional
    from lazyleap.models.stateless import weights as weights

_HOMES = {
    "Conv4": "lazyleap.models.conv4",
    "Cosine": "lazyleap.models.heads",
    "ResNet12": "lazyleap.models.resnet12",
    "ResNetCifar": "lazyleap.models.resnet_cifar",
    "functional": "lazyleap.models.stateless",
    "weights": "lazyleap.models.stateless",
}
__all__ = [*_HOMES]
__getattr__, __dir__ = offer(__name__, _HOMES)
