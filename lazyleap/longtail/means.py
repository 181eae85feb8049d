"""Running means of the weights that the examples of each class got."""

from __future__ import annotations

import torch
from torch import Tensor


class ClassMeans:
    """For each class a running mean of ``n w_i``, 1 being an example's even share of its batch.

    ``decay`` is how much of the old mean stays when a batch with that class has come. Starts at 1.
    """

    def __init__(self, classes: int, decay: float, device: torch.device) -> None:
        self.decay, self.values = decay, torch.ones(classes, device=device)

    def update(self, labels: Tensor, weights: Tensor) -> None:
        """Take in a mini-batch, unless nothing in it counted."""
        each = torch.arange(len(self.values), device=labels.device)
        of_class = each[:, None] == labels  # summed in a fixed order, on a GPU too
        counts, sums = of_class.sum(1), len(labels) * torch.where(of_class, weights, 0).sum(1)
        moved = self.decay * self.values + (1 - self.decay) * sums / counts.clamp(min=1)
        self.values = torch.where((counts > 0) & weights.any(), moved, self.values)

    def of(self, labels: Tensor) -> Tensor:
        """Weights ``[n]`` of a batch that got none of its own, with sum 1."""
        found = self.values[labels].clamp(min=torch.finfo(self.values.dtype).tiny)
        return found / found.sum()
