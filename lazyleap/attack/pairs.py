"""Pairs of image and input gradient, one surrogate a task: what a gradient predictor learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lazyleap.attack.goals import Goal, margin
from lazyleap.bilevel import Batch, Task
from lazyleap.datasets.indices import Indices
from lazyleap.errors import InputError

CHUNK = 250  # images a backward pass


@dataclass(frozen=True)
class Pairs:
    """Images ``[N, C, H, W]``, pixels in 0..1, and one surrogate's gradients there, like them."""

    images: Tensor
    gradients: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, rows: Indices) -> Batch:
        """Some of them."""
        chosen = torch.from_numpy(rows).to(self.images.device)
        return Batch(self.images[chosen], self.gradients[chosen])


def pairs(logits: Callable[[Tensor], Tensor], images: Tensor, goal: Goal) -> Pairs:
    """The gradient of the attack's margin with respect to the pixels, of each image by itself.

    ``logits`` must treat each image by itself (batch normalisation in ``eval`` mode). Each gradient
    is divided by its largest absolute value (ours: surrogates differ in scale by orders of
    magnitude); one that is zero everywhere stays so. Cost: a forward and a backward pass an image.
    """
    rows = torch.arange(len(images), device=images.device)
    parts = [
        _gradients(logits, images[rows[i : i + CHUNK]], goal.of(rows[i : i + CHUNK]))
        for i in range(0, len(images), CHUNK)
    ]
    return Pairs(images, unit(torch.cat(parts)))


def unit(gradients: Tensor) -> Tensor:
    """Each of ``[n, ...]`` divided by its largest absolute value; zeros stay zeros."""
    largest = gradients.abs().flatten(1).amax(1).view(-1, *[1] * (gradients.ndim - 1))
    return gradients / torch.where(largest > 0, largest, 1)


def sample(
    sets: Sequence[Pairs],
    *,
    count: int,
    support: int,
    query: int,
    horizon: int,
    chance: np.random.Generator,
) -> list[Task]:
    """``count`` tasks, each of one surrogate's pairs; every surrogate once before any twice.

    The same ``support`` pairs at each of ``horizon`` steps, ``query`` others for the outer loss.

    Raises:
        InputError: if there are not as many pairs.
    """
    if len(sets[0]) < support + query:
        raise InputError(
            f"training: support {support} + query {query} pairs of {len(sets[0])} images"
        )
    order = [int(i) for _ in range(-(-count // len(sets))) for i in chance.permutation(len(sets))]
    return [_task(sets[i], support, query, horizon, chance) for i in order[:count]]


def _task(
    source: Pairs, support: int, query: int, horizon: int, chance: np.random.Generator
) -> Task:
    rows = chance.choice(len(source), support + query, replace=False)
    return Task([source.batch(rows[:support])] * horizon, source.batch(rows[support:]))


def _gradients(logits: Callable[[Tensor], Tensor], images: Tensor, goal: Goal) -> Tensor:
    with torch.enable_grad():
        leaf = images.detach().requires_grad_()
        (found,) = torch.autograd.grad(margin(logits(leaf), goal).sum(), leaf)
    return found
