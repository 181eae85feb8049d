"""What every estimator takes and gives: one signature for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from lazyleap.bilevel import Bilevel, Task, Tree, add
from lazyleap.errors import InputError
from lazyleap.traits import Needs, require


@dataclass(frozen=True)
class Path:
    """Where the student of one task went.

    ``start`` is s_0 and ``end`` where the outer loss is taken. ``taken`` is the sum of the steps
    the teacher took itself (None where there is no teacher); the rest of the way was leapt.
    """

    start: Tree
    end: Tree
    taken: Tree | None = None


class TaskGradient(NamedTuple):
    """The outer loss of one task, a scalar, and its (estimated) gradient, a tree like theta."""

    loss: Tensor
    grad: Tree


@dataclass(frozen=True)
class MetaGradient:
    """Mean outer loss and meta-gradient over a meta-batch, and the path of each task."""

    loss: Tensor
    grad: Tree
    paths: Sequence[Path]


class Estimator(Protocol):
    """Estimates ``d mean_tasks outer_loss(phi_k(theta), theta) / d theta``.

    ``needs`` says which traits of a problem it relies on, and why.
    """

    needs: ClassVar[Needs]

    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """Return detached loss and gradient; ``theta`` is left as it is.

        Raises:
            InputError: before any work, if the problem lacks what is needed, or the tasks do not
                share one horizon.
        """
        ...


def check(estimator: Estimator, problem: Bilevel, tasks: Sequence[Task]) -> int:
    """What every estimator begins with: the horizon, once the problem has what it needs."""
    if estimator.needs:
        names = type(estimator).__name__, type(problem).__name__
        require(names[0], estimator.needs, names[1], getattr(problem, "offers", None))
    return horizon(tasks)


def horizon(tasks: Sequence[Task]) -> int:
    """The number of inner steps, the same for every task of a meta-batch.

    Raises:
        InputError: if there is no task, no step, or not one number for all.
    """
    lengths = sorted({len(task.inner) for task in tasks})
    if len(lengths) != 1:
        raise InputError(f"horizons {lengths}: the tasks of a meta-batch share one")
    if lengths[0] < 1:
        raise InputError(f"horizon {lengths[0]}: the student needs at least one inner step")
    return lengths[0]


def average(gradients: Sequence[TaskGradient], paths: Sequence[Path]) -> MetaGradient:
    """The mean over tasks."""
    n = len(gradients)
    total = reduce(add, (g.grad for g in gradients))
    loss = torch.stack([g.loss.detach() for g in gradients]).mean()
    return MetaGradient(loss, {name: p / n for name, p in total.items()}, paths)
