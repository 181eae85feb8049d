"""The predictor of a classifier's input gradient: an encoder and a decoder, image to image."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from lazyleap.models.layers import Conv2d
from lazyleap.models.norms import normalisation


class Predictor(nn.Module):
    """Two strided convolutions down, two nearest-neighbour upsamplings with convolutions up.

    Input ``[n, channels, h, w]``, output of the same shape, any sign, for sides that are multiples
    of 4. Group normalisation, each image by itself: nothing of one image tells of another, and
    there are no running statistics that an inner step would overwrite. No transposed convolution,
    whose uneven overlaps show as a chequerboard in the map.
    After Du, Zhang, Zhou, Yu and Tao, ICLR 2020 (an autoencoder); the layers are ours.
    """

    side_by_side = True  # of layers that take tasks so, and nothing else counts channels

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            OrderedDict(
                down1=_block(channels, width, stride=2),
                down2=_block(width, 2 * width, stride=2),
                middle=_block(2 * width, 2 * width),
            )
        )
        self.decoder = nn.Sequential(
            OrderedDict(
                up1=nn.Upsample(scale_factor=2),
                block1=_block(2 * width, width),
                up2=nn.Upsample(scale_factor=2),
                block2=_block(width, width),
            )
        )
        self.head = Conv2d(width, channels, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """The gradient map."""
        maps: Tensor = self.head(self.decoder(self.encoder(images)))
        return maps


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=Conv2d(inputs, outputs, 3, stride, padding=1),
            norm=normalisation("group", outputs),
            relu=nn.ReLU(),
        )
    )
