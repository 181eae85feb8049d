"""ResNet-12, the residual network of few-shot learning."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

from lazyleap.models.layers import Conv2d, Linear
from lazyleap.models.norms import Norm, normalisation


class ResNet12(nn.Module):
    """Four residual blocks of three 3x3 convolutions, widths 1, 2.5, 5 and 10 times ``width``.

    Each block ends in a 2x2 maximum; a global mean and a linear head follow. Input
    ``[n, channels, size, size]``, any size of at least 16; output logits ``[n, classes]``.
    Source: Oreshkin, Rodriguez and Lacoste, NeurIPS 2018; widths (with ``width`` 64) as Lee et al.,
    CVPR 2019. Without DropBlock.
    """

    side_by_side = True  # of layers that take tasks so, and nothing else counts channels

    def __init__(
        self, classes: int, *, channels: int = 3, width: int = 64, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        widths = [width, int(2.5 * width), 5 * width, 10 * width]
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        for i, (inputs, outputs) in enumerate(zip([channels, *widths], widths, strict=False)):
            blocks[f"block{i + 1}"] = Residual(inputs, outputs, norm)
        self.body = nn.Sequential(blocks)
        self.head = Linear(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[n, classes]``."""
        logits: Tensor = self.head(self.body(images).mean(dim=(2, 3)))
        return logits


class Residual(nn.Module):
    """Three convolutions beside a 1x1 one, summed, halved, rectified."""

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for i in range(3):
            source = outputs if i else inputs
            layers[f"conv{i + 1}"] = Conv2d(source, outputs, 3, padding=1, bias=False)
            layers[f"norm{i + 1}"] = normalisation(norm, outputs)
            if i < 2:
                layers[f"relu{i + 1}"] = nn.LeakyReLU(0.1)
        self.branch = nn.Sequential(layers)
        self.shortcut = nn.Sequential(
            OrderedDict(
                conv=Conv2d(inputs, outputs, 1, bias=False), norm=normalisation(norm, outputs)
            )
        )
        self.relu = nn.LeakyReLU(0.1)

    def forward(self, images: Tensor) -> Tensor:
        """``[n, inputs, h, w]`` to ``[n, outputs, h // 2, w // 2]``."""
        summed = self.branch(images) + self.shortcut(images)
        found: Tensor = self.relu(functional.max_pool2d(summed, 2))  # they commute
        return found
