"""Adam as a few calls for all tensors; ``torch.optim.Adam`` begins by importing a compiler."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Adam:
    """``m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2``; a step goes along ``m / sqrt(v)``.

    Both divided by what they lack at the start, ``1 - b^t``. The numbers are those of
    ``torch.optim.Adam``, to rounding. Source: Kingma and Ba, ICLR 2015, with its constants.
    """

    betas, eps = (0.9, 0.999), 1e-8

    def __init__(self, like: list[Tensor]) -> None:
        self._mean, self._square = ([torch.zeros_like(p) for p in like] for _ in range(2))
        self._steps = 0

    @torch.no_grad()
    def moved(self, parameters: list[Tensor], grads: list[Tensor], lr: float) -> list[Tensor]:
        """``parameters`` after one more step, new tensors."""
        (b1, b2), m, v = self.betas, self._mean, self._square
        self._steps += 1
        torch._foreach_lerp_(m, grads, 1 - b1)
        torch._foreach_mul_(v, b2)
        torch._foreach_addcmul_(v, grads, grads, 1 - b2)
        deviation = torch._foreach_sqrt(v)
        torch._foreach_div_(deviation, (1 - b2**self._steps) ** 0.5)
        torch._foreach_add_(deviation, self.eps)
        rate = -lr / (1 - b1**self._steps)
        return list(torch._foreach_addcdiv(parameters, m, deviation, rate))

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {"mean": self._mean, "square": self._square, "steps": self._steps}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        for ours, theirs in ((self._mean, state["mean"]), (self._square, state["square"])):
            torch._foreach_copy_(ours, theirs)
        self._steps = state["steps"]
