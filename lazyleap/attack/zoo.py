"""Descent one coordinate at a time, each with its own Adam (ZOO)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lazyleap.attack.attempt import Attempt, Outcome, Streams
from lazyleap.attack.estimates import central_differences
from lazyleap.attack.goals import Goal
from lazyleap.attack.limits import Limit
from lazyleap.attack.oracle import Oracle
from lazyleap.blocks import Block, Held, Rate, Width
from lazyleap.errors import InputError

FIRST, SECOND, SMALL = 0.9, 0.999, 1e-8  # Adam's constants, as published


class ZooOptions(Block):
    """See :class:`Zoo`."""

    coordinates: Held
    width: Width
    step: Rate


@dataclass(frozen=True, kw_only=True)
class Zoo:
    """Stochastic coordinate descent: at each step a few random coordinates take an Adam step.

    Source: Chen, Zhang, Sharma, Yi and Hsieh, AISec 2017 (ZOO-Adam), moments and step counts a
    coordinate. Ours, for one oracle, limit and budget for all searches: where they minimise the
    perturbation's length plus c times the objective with a search over c, the length is the limit
    here, and the step is projected to it; no change of variables by tanh, for the same reason.

    Args:
        coordinates: random ones measured at a step, q; it costs 2q + 1 queries an image.
        width: h of the central differences, in pixels of 0..1 (published: 1e-4).
        step: Adam's learning rate, in pixels of 0..1 (published: 0.01).
    """

    coordinates: int
    width: float
    step: float
    Options: ClassVar[type[Block]] = ZooOptions
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
        total = images[0].numel()
        if not 1 <= self.coordinates <= total:
            raise InputError(f"zoo: {self.coordinates} coordinates of images with {total}")
        streams, attempt = Streams(chance, images), Attempt(oracle, images, goal, limit)
        adam = _Adam(images.flatten(1))
        for _ in attempt.pieces(oracle.chunk):
            while attempt.goes_on(2 * self.coordinates + 1):
                places = streams.choose(attempt.rows, total, self.coordinates)
                attempt.move(self._perturbation(attempt, places, adam))
        return attempt.outcome()

    def _perturbation(self, attempt: Attempt, places: Tensor, adam: _Adam) -> Tensor:
        gradient = central_differences(
            attempt.value,
            attempt.rows,
            attempt.current[attempt.rows],
            places,
            width=self.width,
            chunk=attempt.oracle.chunk,
        )
        step = self.step * adam.direction(attempt.rows, places, gradient)
        moved = attempt.perturbation.flatten(1).scatter_add(1, places, -step)
        return moved.view(-1, *attempt.clean.shape[1:])


class _Adam:
    """Adam's state for each coordinate of each image."""

    def __init__(self, like: Tensor) -> None:
        self._mean, self._square, self._steps = (torch.zeros_like(like) for _ in range(3))

    def direction(self, rows: Tensor, places: Tensor, gradient: Tensor) -> Tensor:
        """A step of rate 1 at ``places`` ``[n, q]`` of ``rows`` ``[n]``, like ``gradient``."""
        at = (rows[:, None], places)
        self._mean[at] = FIRST * self._mean[at] + (1 - FIRST) * gradient
        self._square[at] = SECOND * self._square[at] + (1 - SECOND) * gradient.square()
        self._steps[at] += 1
        mean = self._mean[at] / (1 - FIRST ** self._steps[at])
        square = self._square[at] / (1 - SECOND ** self._steps[at])
        return mean / (square.sqrt() + SMALL)
