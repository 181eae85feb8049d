"""The outer optimiser: how theta moves along meta-gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from lazyleap.bilevel import Tree, detach
from lazyleap.blocks import Outer

Schedule = Literal["constant", "cosine", "step"]


def rate(lr: float, schedule: Schedule, done: float) -> float:
    """The outer rate when the fraction ``done`` of meta-training is over.

    ``cosine`` falls to zero; ``step`` to a tenth at one half and to a hundredth at three quarters.
    """
    if schedule == "cosine":
        return lr * 0.5 * (1 + math.cos(math.pi * done))
    if schedule == "step":
        return lr * 0.1 ** ((done >= 0.5) + (done >= 0.75))
    return lr


@dataclass(frozen=True)
class OuterOptions:
    """How theta moves: the optimiser, its rate and schedule over ``iterations``, and clipping."""

    optimizer: Literal["adam", "sgd"]
    lr: float
    schedule: Schedule
    clip_norm: float | None
    iterations: int

    @classmethod
    def of(cls, options: Outer, iterations: int) -> OuterOptions:
        """What params.yaml says, over so many meta-iterations."""
        return cls(iterations=iterations, **options.model_dump())


class OuterOptimizer:
    """Theta and the optimiser that moves it along meta-gradients; ``theta`` is copied."""

    def __init__(self, theta: Tree, options: OuterOptions) -> None:
        self._options = options
        self._theta = {n: p.detach().clone().requires_grad_() for n, p in theta.items()}
        kind = torch.optim.Adam if options.optimizer == "adam" else torch.optim.SGD
        self._optimizer = kind(list(self._theta.values()), lr=options.lr)

    @property
    def theta(self) -> dict[str, Tensor]:
        """The meta-parameters now, off every tape."""
        return detach(self._theta)

    def move(self, iteration: int, grad: Tree, length: float) -> float | None:
        """One step along ``grad``, of norm ``length``, and its rate; none if that is not finite.

        The loop then stops, and theta must still be the last good one.
        """
        if not math.isfinite(length):
            return None
        options = self._options
        lr = rate(options.lr, options.schedule, iteration / options.iterations)
        scale = min(1.0, options.clip_norm / length) if options.clip_norm and length else 1.0
        for name, p in self._theta.items():
            p.grad = grad[name] * scale
        self._optimizer.param_groups[0]["lr"] = lr
        self._optimizer.step()
        return lr

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {"theta": self.theta, "optimizer": self._optimizer.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        with torch.no_grad():
            for name, p in self._theta.items():
                p.copy_(state["theta"][name])
        self._optimizer.load_state_dict(state["optimizer"])
