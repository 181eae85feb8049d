"""Normalisation as a part of the network: pixels in, whatever the network answers out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalised(nn.Module):
    """``network((images - mean) / std)``: the constants of training travel with the network.

    Takes float images ``[n, C, H, W]`` in 0..1; ``mean`` and ``std`` have a number a channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What ``network`` answers."""
        return self.network((images - self.mean) / self.std)  # type: ignore[no-any-return]
