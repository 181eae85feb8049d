"""A classifier's last layer other than a plain linear one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Cosine(nn.Module):
    """``scale * cos(features, weight_c)``: no class gains by the length of its weights.

    Input ``[n, features]``, output ``[n, classes]``. Source: Cao et al., NeurIPS 2019 (scale 30).
    """

    def __init__(self, features: int, classes: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(
            functional.normalize(torch.empty(classes, features).uniform_(-1, 1))
        )

    def forward(self, features: Tensor) -> Tensor:
        """Logits."""
        return self.scale * functional.linear(
            functional.normalize(features), functional.normalize(self.weight)
        )
