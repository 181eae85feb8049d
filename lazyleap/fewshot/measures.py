"""Accuracy of adapted models over fixed episodes, after any number of test-time steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lazyleap.algorithms import MAML
from lazyleap.algorithms.sgd import parameters
from lazyleap.bilevel import Batch, step
from lazyleap.datasets.pixels import Pixels
from lazyleap.fewshot.episodes import Episodes
from lazyleap.trees import Tree

Accuracies = NDArray[np.float64]


def accuracies(
    problem: MAML,
    theta: Tree,
    pixels: Pixels,
    episodes: Episodes,
    steps: Iterable[int],
    chunk: int = 50,
) -> dict[int, Accuracies]:
    """Query accuracy of each episode, in 0..1, ``[E]``, after each number of ``steps``.

    One adaptation serves all of them. Cost: max(steps) first-order steps and len(steps) forward
    passes an episode; memory for ``chunk`` task models.
    """
    wanted = sorted(set(steps))
    parts: dict[int, list[Accuracies]] = {s: [] for s in wanted}
    for first in range(0, len(episodes), chunk):
        piece = Episodes(
            episodes.support[first : first + chunk], episodes.query[first : first + chunk]
        )
        for s, values in _adapt(problem, theta, pixels, piece, wanted):
            parts[s].append(values)
    return {s: np.concatenate(values) for s, values in parts.items()}


def _adapt(
    problem: MAML, theta: Tree, pixels: Pixels, episodes: Episodes, wanted: Sequence[int]
) -> Iterable[tuple[int, Accuracies]]:
    together, stacked = stack(problem, theta, len(episodes))
    support, query = _batch(pixels, episodes.support), _batch(pixels, episodes.query)
    with torch.no_grad():
        phi = together.init(stacked)
        for taken in range(wanted[-1] + 1):
            if taken in wanted:
                yield taken, _accuracy(problem, phi, stacked, query)
            if taken < wanted[-1]:
                phi = step(together, phi, stacked, support)


def stack(problem: MAML, theta: Tree, count: int) -> tuple[MAML, dict[str, Tensor]]:
    """``problem`` for ``count`` tasks at once, each tensor with a leading task dimension.

    The loss is the sum of the tasks' losses, so every task takes the step it would take
    alone. For first-order steps only: torch's batching rule for affine batch normalisation has
    wrong second derivatives.
    """

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        total = functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="sum")
        return total / outputs.shape[1]

    together = replace(problem, forward=torch.vmap(problem.forward), loss=loss)
    return together, {n: p.contiguous().expand(count, *p.shape) for n, p in theta.items()}


def _batch(pixels: Pixels, indices: NDArray[np.int64]) -> Batch:
    images = pixels[indices].flatten(1, 2).contiguous()  # vmap knows no channels last
    labels = torch.arange(indices.shape[1], device=images.device)
    return Batch(images, labels.repeat_interleave(indices.shape[2]).expand(len(indices), -1))


def _accuracy(problem: MAML, phi: Tree, theta: Tree, query: Batch) -> Accuracies:
    values = []
    for e in range(len(query.inputs)):
        one = {n: p[e] for n, p in parameters(phi).items()}
        rest = {n: p[e] for n, p in theta.items()}
        hits = problem.predict(one, rest, query.inputs[e]).argmax(-1) == query.targets[e]
        values.append(float(hits.double().mean()))
    return np.array(values)
