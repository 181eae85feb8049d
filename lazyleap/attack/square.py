"""Square Attack: random squares, kept when they help. No gradient, true or estimated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lazyleap.attack import bumps
from lazyleap.attack.attempt import Attempt, Outcome, Streams
from lazyleap.attack.goals import Goal
from lazyleap.attack.limits import Limit
from lazyleap.attack.oracle import Oracle
from lazyleap.attack.windows import corner, signs, window
from lazyleap.blocks import Block, Fraction

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # after these queries of 10,000
UNCHANGED = 1e-7
BLOCK = 64  # steps drawn for at once: a call a step and image would cost as much as the classifier


class SquareOptions(Block):
    """See :class:`Square`."""

    share: Fraction


@dataclass(frozen=True, kw_only=True)
class Square:
    """Random search over squares, a query a step; both norms.

    Source: Andriushchenko, Croce, Flammarion and Hein, ECCV 2020, algorithms 1 to 3 and their
    schedule. Ours: the clean image is asked about first, as in every search here; each image has
    squares of its own for both norms; sides are at most the image's.

    Args:
        share: of the pixels a first square changes, p (published: 0.05 for linf, 0.1 for l2). It
            is halved after 10, 50, 200, 500, 1000, 2000, 4000, 6000 and 8000 of 10,000 steps,
            scaled to the budget.
    """

    share: float
    Options: ClassVar[type[Block]] = SquareOptions
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
        flat = limit.norm == "linf"
        start, change = (_stripes, _square) if flat else (bumps.start, bumps.change)
        for _ in attempt.pieces(oracle.chunk):
            if attempt.goes_on(1):
                attempt.move(start(attempt, streams))
            draws = _Draws(streams, attempt.rows, 6 + images.shape[1])
            taken = 0
            while attempt.goes_on(1):
                side = self.side(taken, oracle.budget, images)
                attempt.offer(change(attempt, draws.next(attempt.rows), side))
                taken += 1
        return attempt.outcome()

    def side(self, taken: int, budget: int, images: Tensor) -> int:
        """Of the square at a step, in pixels, before what a norm asks of it."""
        scaled = int(taken / budget * 10_000)
        share = self.share / 2 ** sum(scaled > after for after in HALVINGS)
        height, width = images.shape[2:]
        return min(max(round(math.sqrt(share * height * width)), 1), height, width)


class _Draws:
    """Uniform numbers ``[n, count]`` a step, drawn from each image's stream in blocks.

    Two for the corner of each of two squares, one for the bump's orientation, one for the pattern
    of flips, one for the sign of each channel.
    """

    def __init__(self, streams: Streams, rows: Tensor, count: int) -> None:
        self._streams, self._count, self._rows, self._step = streams, count, rows, BLOCK

    def next(self, rows: Tensor) -> Tensor:
        """The next numbers of ``rows``, which must be among those of the call before."""
        if self._step == BLOCK:
            self._rows, self._step = rows, 0
            self._block = self._streams.uniform(rows, BLOCK, self._count)
        found = self._block[torch.searchsorted(self._rows, rows), self._step]
        self._step += 1
        return found


def _stripes(attempt: Attempt, streams: Streams) -> Tensor:
    """Vertical stripes of +-epsilon, each channel's own."""
    clean = attempt.clean[attempt.rows]
    draws = streams.uniform(attempt.rows, clean.shape[1], 1, clean.shape[3])
    return (attempt.limit.epsilon * signs(draws).to(clean)).expand_as(clean)


def _square(attempt: Attempt, draws: Tensor, side: int) -> Tensor:
    """One square of +-epsilon, each channel's own sign, in the perturbation so far.

    They draw signs until the clipped image changes. The choices that change nothing are one at
    most (the two signs of a channel never clip to the same), so drawing again is drawing
    uniformly among the others: flip the channels by a pattern that is not zero.
    """
    clean, before = attempt.clean[attempt.rows], attempt.perturbation
    channels, height, width = clean.shape[1:]
    inside = window(corner(draws[:, :2], side, height, width), side, height, width)
    epsilon = attempt.limit.epsilon * signs(draws[:, 6:])[:, :, None, None].to(clean)
    changed = (clean + torch.where(inside, epsilon, before)).clamp(0, 1)
    same = (changed - clean - before).abs().flatten(1).amax(1) < UNCHANGED
    pattern = 1 + (draws[:, 5] * (2**channels - 1)).long()
    bits = pattern[:, None] >> torch.arange(channels, device=clean.device) & 1
    flips = torch.where(same[:, None], 1 - 2 * bits, 1)[:, :, None, None]
    return torch.where(inside, epsilon * flips, before)
