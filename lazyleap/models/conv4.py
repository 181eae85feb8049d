"""Conv-4, the four-block convolutional network of few-shot learning."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from lazyleap.errors import InputError
from lazyleap.models.layers import Conv2d, Linear
from lazyleap.models.norms import Norm, normalisation

Downsample = Literal["pool", "stride"]


class Conv4(nn.Module):
    """Four blocks of 3x3 convolution, normalisation and ReLU, each halving the image, and a head.

    Input ``[n, channels, size, size]``, output logits ``[n, classes]``. ``downsample`` is a 2x2
    maximum (``pool``; Vinyals et al., NeurIPS 2016) or a stride of 2 (``stride``; as Finn et al.,
    ICML 2017, for Omniglot), which costs about a quarter. ``running``: as in ``normalisation``.
    """

    side_by_side = True  # of layers that take tasks so, and nothing else counts channels

    def __init__(
        self,
        classes: int,
        *,
        channels: int = 1,
        size: int = 28,
        width: int = 64,
        norm: Norm = "batch",
        downsample: Downsample = "pool",
        running: bool = False,
    ) -> None:
        super().__init__()
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        for i in range(4):
            blocks[f"block{i + 1}"] = _block(
                width if i else channels,
                width,
                norm,
                downsample,
                running,
            )
            size = size // 2 if downsample == "pool" else -(-size // 2)
        if size < 1:
            raise InputError("Conv4: the image is too small to be halved four times")
        self.body = nn.Sequential(blocks)
        self.head = Linear(width * size * size, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[n, classes]``."""
        logits: Tensor = self.head(self.body(images).flatten(1))
        return logits


def _block(
    inputs: int, width: int, norm: Norm, downsample: Downsample, running: bool
) -> nn.Sequential:
    """Without a bias where batch normalisation takes it off again; rectified last, on less."""
    stride = 2 if downsample == "stride" else 1
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv=Conv2d(inputs, width, 3, stride, padding=1, bias=norm != "batch"),
        norm=normalisation(norm, width, running=running),
    )
    if downsample == "pool":
        layers["pool"] = nn.MaxPool2d(2)
    layers["relu"] = nn.ReLU()
    return nn.Sequential(layers)
