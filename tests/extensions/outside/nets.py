"""A network: one convolution and a linear head."""

from collections.abc import Mapping

from torch import nn

from lazyleap.blocks import Count, NetworkOptions


class TinyOptions(NetworkOptions):
    maps: Count


class Tiny(nn.Sequential):
    Options = TinyOptions

    def __init__(self, outputs: int, image: Mapping[str, int], maps: int) -> None:
        super().__init__()
        self.add_module("body", nn.Conv2d(image["channels"], maps, 3, stride=2, padding=1))
        self.add_module("relu", nn.ReLU())
        self.add_module("flat", nn.Flatten())
        sides = ((image["height"] + 1) // 2) * ((image["width"] + 1) // 2)
        self.add_module("head", nn.Linear(maps * sides, outputs))
