"""Networks, and how any ``nn.Module`` becomes a function of a tree."""

from __future__ import annotations

from lazyleap.models.conv4 import Conv4
from lazyleap.models.heads import Cosine
from lazyleap.models.resnet12 import ResNet12
from lazyleap.models.resnet_cifar import ResNetCifar
from lazyleap.models.stateless import functional, weights

__all__ = [
    "Conv4",
    "Cosine",
    "ResNet12",
    "ResNetCifar",
    "functional",
    "weights",
]
