"""What every estimator takes and gives: one signature for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from lazyleap.bilevel import Bilevel, Task
from lazyleap.blocks import Block
from lazyleap.errors import InputError
from lazyleap.traits import Needs, require
from lazyleap.trees import Tree, gather, not_finite


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
    """Mean outer loss and meta-gradient over a meta-batch, and the path of each task.

    ``noted``: scalars that an estimator found on its way and a log should have, by tag.
    """

    loss: Tensor
    grad: Tree
    paths: Sequence[Path]
    noted: Mapping[str, Tensor] = field(default_factory=dict)

    def apply_to(self, theta: Tree) -> None:
        """Put the gradient where an optimiser over ``theta.values()`` looks for it.

        A name of ``theta`` that has no gradient keeps none, and an optimiser leaves it alone.
        """
        for name, p in theta.items():
            p.grad = self.grad.get(name)


class Estimator(Protocol):
    """Estimates ``d mean_tasks outer_loss(phi_k(theta), theta) / d theta``.

    ``needs`` says which traits of a problem it relies on, and why; ``Options`` what params.yaml may
    say of it, by the names of its arguments. It may say ``stacks = True``: what it gives for a mean
    of tasks, taken side by side as one problem, is the mean of what it gives for each.
    """

    Options: ClassVar[type[Block]]

    @property
    def needs(self) -> Needs:
        """What it relies on, and why; it may depend on how it was made."""
        ...

    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """Return detached loss and gradient; ``theta`` is left as it is.

        Raises:
            InputError: before any work, if the problem lacks what is needed, or the tasks do not
                share one horizon.
        """
        ...


def check(estimator: Estimator, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> int:
    """What every estimator begins with: the horizon, once problem and theta are what it needs."""
    if estimator.needs:
        names = type(estimator).__name__, type(problem).__name__
        require(names[0], estimator.needs, names[1], getattr(problem, "offers", None))
    check_theta(theta)
    return horizon(tasks)


def check_one_batch(tasks: Sequence[Task], who: str, why: str) -> None:
    """Refuse another batch at another inner step; batches are told apart as objects.

    Raises:
        InputError: if a task has more than one.
    """
    if any(batch is not task.inner[0] for task in tasks for batch in task.inner):
        raise InputError(f"{who} needs one batch at every inner step, the same object: {why}")


def check_theta(theta: Tree) -> None:
    """Refuse what cannot be meta-learned.

    Numbers are looked at on the CPU alone: a GPU would have to be waited for, and there NaN shows
    in the loss.

    Raises:
        InputError: if theta is empty, not all of one floating dtype on one device, or holds a
            number that is not finite.
    """
    if not isinstance(theta, Mapping) or not theta:
        raise InputError(f"theta is {theta!r:.40}: wants tensors by name, one at least")
    (first, like), *rest = theta.items()
    if not like.is_floating_point():
        raise InputError(f"theta['{first}'] is of {like.dtype}: only floats can be learned")
    for name, p in rest:
        if p.dtype != like.dtype or p.device != like.device:
            raise InputError(
                f"theta['{name}'] is of {p.dtype} on {p.device}, theta['{first}'] of {like.dtype} "
                f"on {like.device}: all must be alike"
            )
    if like.device.type == "cpu" and (broken := not_finite(theta)):
        raise InputError(f"theta['{broken}'] holds a number that is not finite")


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
    """The mean over tasks; a name that the gradient of a task lacks is zero there."""
    n = len(gradients)
    total = reduce(gather, (g.grad for g in gradients))
    loss = torch.stack([g.loss.detach() for g in gradients]).mean()
    return MetaGradient(loss, {name: p / n for name, p in total.items()}, paths)
