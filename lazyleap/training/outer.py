"""The outer optimiser: how theta moves along meta-gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from lazyleap.blocks import Outer
from lazyleap.models.layout import flat, shaped
from lazyleap.training.adam import Adam
from lazyleap.trees import Tree, detach

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
        self._options, self._like = options, detach(theta)
        self._flat = flat(self._like)
        self._adam = Adam([self._flat])

    @property
    def theta(self) -> dict[str, Tensor]:
        """The meta-parameters now, off every tape; a later move leaves them as they are."""
        return shaped(self._flat, self._like)

    def move(self, iteration: int, grad: Tree, length: Tensor, alive: Tensor) -> float:
        """One step along ``grad``, of norm ``length``, where ``alive``; its rate.

        Nothing is read: the two are scalars on theta's device. Where not alive theta stays as it
        is, which the loop finds when it reads.
        """
        options = self._options
        lr = rate(options.lr, options.schedule, iteration / options.iterations)
        along = flat({n: grad[n] for n in self._like})
        if options.clip_norm:
            along *= (options.clip_norm / length).clamp(max=1)
        if options.optimizer == "adam":
            (moved,) = self._adam.moved([self._flat], [along], lr)
        else:
            moved = self._flat - lr * along
        self._flat = torch.where(alive, moved, self._flat)
        return lr

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {"theta": self.theta, "optimizer": self._adam.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self._flat = flat({n: state["theta"][n] for n in self._like})
        self._adam.load_state(state["optimizer"])
