"""The residual networks for CIFAR: ResNet-8, -20, -32."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

from lazyleap.models.layers import Conv2d, Linear
from lazyleap.models.norms import Norm, normalisation

BLOCKS = {"resnet8": 1, "resnet20": 3, "resnet32": 5}
"""Residual blocks a stage: 6 n + 2 layers."""


class ResNetCifar(nn.Module):
    """Three stages of ``blocks`` residual blocks, widths 1, 2 and 4 times ``width``, and a head.

    Shortcuts have no parameters: where the width doubles, every other pixel and zeros for the new
    channels. A global mean before the head. Input ``[n, channels, size, size]``, output logits
    ``[n, classes]``. ``running``: as in ``normalisation``.
    Source: He, Zhang, Ren and Sun, CVPR 2016, section 4.2 (width 16, shortcut A); initialisation
    as in their earlier work (ICCV 2015).
    """

    def __init__(
        self,
        classes: int,
        *,
        blocks: int,
        channels: int = 3,
        width: int = 16,
        norm: Norm = "batch",
        running: bool = False,
    ) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv=Conv2d(channels, width, 3, padding=1, bias=False),
            norm=normalisation(norm, width, running=running),
            relu=nn.ReLU(),
        )
        inputs = width
        for stage in range(3):
            for i in range(blocks):
                outputs = width * 2**stage
                layers[f"stage{stage + 1}_block{i + 1}"] = Basic(inputs, outputs, norm, running)
                inputs = outputs
        self.body = nn.Sequential(layers)
        self.head = Linear(4 * width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[n, classes]``."""
        logits: Tensor = self.head(self.body(images).mean(dim=(2, 3)))
        return logits


class Basic(nn.Module):
    """Two 3x3 convolutions beside the identity; the first halves the image if the width grows."""

    def __init__(self, inputs: int, outputs: int, norm: Norm, running: bool) -> None:
        super().__init__()
        self.stride = 1 if inputs == outputs else 2
        self.grown = outputs - inputs
        self.branch = nn.Sequential(
            OrderedDict(
                conv1=Conv2d(inputs, outputs, 3, self.stride, padding=1, bias=False),
                norm1=normalisation(norm, outputs, running=running),
                relu1=nn.ReLU(),
                conv2=Conv2d(outputs, outputs, 3, padding=1, bias=False),
                norm2=normalisation(norm, outputs, running=running),
            )
        )

    def forward(self, images: Tensor) -> Tensor:
        """``[n, inputs, h, w]`` to ``[n, outputs, h / stride, w / stride]``."""
        return functional.relu(self.branch(images) + self._shortcut(images))

    def _shortcut(self, images: Tensor) -> Tensor:
        """Padded by nothing they would be copied."""
        if not self.grown:
            return images
        new = (0, 0, 0, 0, self.grown // 2, self.grown - self.grown // 2)
        return functional.pad(images[:, :, :: self.stride, :: self.stride], new)
