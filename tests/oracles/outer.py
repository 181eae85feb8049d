"""The outer descent written out: the rate's schedule, clipping, Adam; nothing of lazyleap's."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

Params = dict[str, Tensor]


def rate(lr: float, schedule: str, i: int, n: int) -> float:
    """Of iteration i of n."""
    if schedule == "cosine":
        return lr * (1 + math.cos(math.pi * i / n)) / 2
    if schedule == "step":
        return lr if 2 * i < n else lr / 10 if 4 * i < 3 * n else lr / 100
    return lr


def clipped(grad: Params, largest: float | None) -> tuple[Params, bool]:
    """``grad`` no longer than ``largest``, and whether it was."""
    length = math.sqrt(sum(float((g**2).sum()) for g in grad.values()))
    if largest is None or length <= largest:
        return grad, False
    return {n: g / length * largest for n, g in grad.items()}, True


@dataclass
class Descent:
    """Adam as published (Kingma and Ba, 2015), or plain descent."""

    optimizer: str
    lr: float
    schedule: str
    clip_norm: float | None
    iterations: int
    mean: Params = field(default_factory=dict)
    square: Params = field(default_factory=dict)
    clips: int = 0

    def move(self, theta: Params, grad: Params, i: int) -> Params:
        """Theta after iteration i."""
        grad, was = clipped(grad, self.clip_norm)
        self.clips += was
        lr = rate(self.lr, self.schedule, i, self.iterations)
        if self.optimizer == "sgd":
            return {n: p - lr * grad[n] for n, p in theta.items()}
        moved = {}
        for n, g in grad.items():
            self.mean[n] = 0.9 * self.mean.get(n, 0 * g) + 0.1 * g
            self.square[n] = 0.999 * self.square.get(n, 0 * g) + 0.001 * g**2
            m, v = self.mean[n] / (1 - 0.9 ** (i + 1)), self.square[n] / (1 - 0.999 ** (i + 1))
            moved[n] = theta[n] - lr * m / (v.sqrt() + 1e-8)
        return moved
