"""Inner steps that see some images of the support set each, others from step to step."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import overload

import numpy as np
import torch

from lazyleap.bilevel import Batch
from lazyleap.datasets.indices import Indices
from lazyleap.seeding import generator


class MiniBatches(Sequence[Batch]):
    """The inner batches of an episode, each taken from its support set when it is asked for.

    Args:
        support: the whole set.
        order: which of its images each step sees, ``[steps, size]``.
    """

    def __init__(self, support: Batch, order: Indices) -> None:
        self.support = support
        self._order = torch.from_numpy(order).to(support.targets.device)

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, step: int) -> Batch: ...
    @overload
    def __getitem__(self, step: slice) -> list[Batch]: ...
    def __getitem__(self, step: int | slice) -> Batch | list[Batch]:
        if isinstance(step, slice):
            return [self[j] for j in range(*step.indices(len(self)))]
        rows = self._order[step]
        return Batch(self.support.inputs[rows], self.support.targets[rows])


def inner(support: Batch, rows: Indices, horizon: int, size: int | None) -> Sequence[Batch]:
    """The batch of each of ``horizon`` steps: ``support`` itself, or ``size`` images of it.

    Args:
        support: an episode's support set, whose images have the indices ``rows``.
        rows: ``[way, shot]``.
        horizon: inner steps.
        size: images a step; None: all, at every step.
    """
    if size is None:
        return [support] * horizon
    return MiniBatches(support, order(rows, horizon, size))


def order(rows: Indices, steps: int, size: int) -> Indices:
    """Places of ``rows.size`` images, ``[steps, size]``: shuffled through again and again.

    A step may take the last of one round and the first of the next. The stream is that of the
    episode itself: whoever takes it sees the same batches, and more steps only add to them.
    """
    chance = generator(0, "batches", hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest())
    rounds = -(-steps * size // rows.size)
    shuffled = [chance.permutation(rows.size) for _ in range(rounds)]
    flat = np.concatenate([np.empty(0, np.int64), *shuffled])
    return flat[: steps * size].reshape(steps, size)
