"""Accuracy of adapted models over fixed episodes, after any number of test-time steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lazyleap.algorithms import MAML
from lazyleap.bilevel import Task, step
from lazyleap.datasets.pixels import Pixels
from lazyleap.estimators.together import SideBySide, engine, stacked
from lazyleap.fewshot.episodes import Episodes, as_tasks
from lazyleap.models.layout import channels_last
from lazyleap.trees import Tree

Accuracies = NDArray[np.float64]
CHUNK = 12  # episodes side by side: more only fill the processor's cache


def accuracies(
    problem: MAML,
    theta: Tree,
    pixels: Pixels,
    episodes: Episodes,
    steps: Iterable[int],
    size: int | None = None,
    chunk: int = CHUNK,
) -> dict[int, Accuracies]:
    """Query accuracy of each episode, in 0..1, ``[E]``, after each number of ``steps``.

    ``size``: images of the support set that a step sees; None: all.

    One adaptation serves all of them. Cost: max(steps) first-order steps and len(steps) forward
    passes an episode; memory for ``chunk`` task models. By the rule of
    :func:`lazyleap.estimators.together.engine`, episodes are taken side by side or in a loop.
    """
    wanted = sorted(set(steps))
    theta = {n: channels_last(p) for n, p in theta.items()}
    several = engine(problem, theta) == "together"
    parts = []
    for first in range(0, len(episodes), chunk if several else 1):
        piece = slice(first, first + (chunk if several else 1))
        some = Episodes(episodes.support[piece], episodes.query[piece])
        tasks = as_tasks(pixels, some, max(*wanted, 1), size)
        all_in_one = SideBySide(problem, len(tasks)) if several else problem
        parts.append(_adapt(all_in_one, theta, stacked(tasks) if several else tasks[0], wanted))
    found = torch.cat(parts, 1).cpu().numpy()  # the one look at what a GPU has found
    return dict(zip(wanted, found, strict=True))


@torch.no_grad()
def _adapt(problem: MAML | SideBySide, theta: Tree, task: Task, wanted: Sequence[int]) -> Tensor:
    """``[len(wanted), E]``."""
    hits, phi = [], problem.init(theta)
    for taken in range(wanted[-1] + 1):
        if taken in wanted:
            answers = problem.predict(phi, theta, task.outer.inputs).argmax(-1)
            hits.append((answers == task.outer.targets).double().mean(-1))
        if taken < wanted[-1]:
            phi = step(problem, phi, theta, task.inner[taken])
    return torch.stack(hits).view(len(wanted), -1)
