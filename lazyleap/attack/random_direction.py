"""Descent along gradients estimated in random directions (NES)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lazyleap.attack.attempt import Attempt, Outcome, Streams
from lazyleap.attack.estimates import random_directions
from lazyleap.attack.goals import Goal
from lazyleap.attack.limits import Limit
from lazyleap.attack.oracle import Oracle
from lazyleap.blocks import Block, Held, Momentum, Rate, Width


class RandomDirectionOptions(Block):
    """See :class:`RandomDirection`."""

    directions: Held
    width: Width
    step: Rate
    momentum: Momentum


@dataclass(frozen=True, kw_only=True)
class RandomDirection:
    """Projected gradient descent on antithetic Gaussian estimates.

    Source: Ilyas, Engstrom, Athalye and Lin, ICML 2018; with momentum as in their program. For an
    l2 limit the step is along ``g / ||g||`` (ours; theirs is linf).

    Args:
        directions: d; a step costs 2d + 1 queries an image.
        width: the standard deviation of a probe, in pixels of 0..1.
        step: length of a step in the limit's norm, in pixels of 0..1.
        momentum: share of the running mean of gradients that stays at each step, 0 for none.
    """

    directions: int
    width: float
    step: float
    momentum: float
    Options: ClassVar[type[Block]] = RandomDirectionOptions
    TRAINED: ClassVar[bool] = False

    def run(
        self,
        oracle: Oracle,
        images: Tensor,
        goal: Goal,
        limit: Limit,
        chance: np.random.Generator,
    ) -> Outcome:
        """See :class:`lazyleap.attack.attempt.Search`."""
        streams, attempt = Streams(chance, images), Attempt(oracle, images, goal, limit)
        mean = torch.zeros_like(images)
        for _ in attempt.pieces(oracle.chunk):
            while attempt.goes_on(2 * self.directions + 1):
                rows = attempt.rows
                mean[rows] = self.momentum * mean[rows] + (1 - self.momentum) * self._gradient(
                    attempt, streams
                )
                step = self.step * limit.direction(mean[rows])
                attempt.move(attempt.perturbation - step)
        return attempt.outcome()

    def _gradient(self, attempt: Attempt, streams: Streams) -> Tensor:
        rows = attempt.rows
        directions = streams.normal(rows, self.directions, *attempt.clean.shape[1:])
        return random_directions(
            attempt.value,
            rows,
            attempt.current[rows],
            directions,
            width=self.width,
            chunk=attempt.oracle.chunk,
        )
