"""The tasks of a meta-batch side by side: one problem with a leading task dimension.

What a loop over tasks asks of the machine once a task is asked once for all of them. That pays
where a task is so small that asking costs more than answering: on a GPU, and for narrow networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from lazyleap.algorithms.maml import MAML
from lazyleap.bilevel import Bilevel, Task
from lazyleap.blocks import Block, Empty
from lazyleap.estimators.base import Estimator, MetaGradient, Path, horizon
from lazyleap.traits import Needs
from lazyleap.trees import Tree

Engine = Literal["loop", "together"]
SMALL = 2**14  # numbers of a task model, up to which asking costs a CPU more than answering


def engine(problem: Bilevel, theta: Tree) -> Engine:
    """How tasks of this size are taken: a rule, so that results depend on nothing else."""
    if not (isinstance(problem, MAML) and getattr(problem.forward, "stacks", False)):
        return "loop"
    small = sum(p.numel() for p in theta.values()) <= SMALL
    on_gpu = all(p.is_cuda for p in theta.values())
    return "together" if small or on_gpu else "loop"


def quickest(estimator: Estimator, problem: Bilevel, theta: Tree) -> Estimator:
    """``estimator``, for all tasks at once where the rule says so and it can be.

    It can where it ``stacks``: what it gives for the mean of tasks is the mean of what it gives for
    each.
    """
    if getattr(estimator, "stacks", False) and engine(problem, theta) == "together":
        return Together(estimator)
    return estimator


@dataclass(frozen=True)
class SideBySide:
    """``count`` tasks of ``problem`` as one: batches and task models are stacked, theta is shared.

    The inner loss is the sum of the tasks' losses, so each takes the step it would take alone; the
    outer one is their mean. The loss must be a mean over examples.
    """

    problem: MAML
    count: int
    batch_dims: ClassVar[int] = 1

    @property
    def offers(self) -> Any:
        """Those of one task."""
        return self.problem.offers

    @property
    def _each(self) -> MAML:
        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            return self.count * self.problem.loss(outputs.flatten(0, 1), targets.flatten(0, 1))

        forward: Any = self.problem.forward
        return replace(self.problem, forward=forward.side_by_side, loss=loss)

    def wide(self, tree: Tree) -> dict[str, Tensor]:
        """``tree`` for each task, without a copy."""
        return {n: p.expand(self.count, *p.shape) for n, p in tree.items()}

    def init(self, theta: Tree) -> Tree:
        """``phi_0`` of each task."""
        return self.wide(self.problem.init(theta))

    def inner_grad(self, phi: Tree, theta: Tree, batch: Any) -> Tree:
        """Each task's direction."""
        return self._each.inner_grad(phi, self.wide(theta), batch)

    def update(self, phi: Tree, grad: Tree, theta: Tree) -> Tree:
        """Each task's step."""
        return self._each.update(phi, grad, self.wide(theta))

    def outer_loss(self, phi: Tree, theta: Tree, batch: Any) -> Tensor:
        """The mean over tasks."""
        return self._each.outer_loss(phi, self.wide(theta), batch) / self.count

    def predict(self, phi: Tree, theta: Tree, inputs: Tensor) -> Tensor:
        """What each task model answers to inputs of its own, ``[count, n, ...]``."""
        return self._each.predict(phi, self.wide(theta), inputs)


@dataclass(frozen=True)
class Together:
    """``estimator``, one that differentiates the outer loss, for all tasks of a meta-batch at once.

    Value and gradient are those of the loop, to rounding; memory is that of all tasks.
    """

    estimator: Estimator
    needs: ClassVar[Needs] = {}
    Options: ClassVar[type[Block]] = Empty

    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """See :class:`lazyleap.estimators.base.Estimator`."""
        assert isinstance(problem, MAML)
        meta = self.estimator(SideBySide(problem, len(tasks)), theta, [stacked(tasks)])
        (path,) = meta.paths
        return replace(meta, paths=[_part(path, i) for i in range(len(tasks))])


def stacked(tasks: Sequence[Task]) -> Task:
    """The batches of all tasks as one task's.

    Raises:
        InputError: if the tasks do not share one horizon.
    """
    return Task(Stacked(tasks), stack([task.outer for task in tasks]))


class Stacked(Sequence[Any]):
    """The inner batches of all tasks, stacked when a step is asked for; one that stays, once."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks, self._horizon = tasks, horizon(tasks)
        self._last: tuple[list[Any], Any] = [], None

    def __len__(self) -> int:
        return self._horizon

    def __getitem__(self, step: Any) -> Any:
        if isinstance(step, slice):
            return [self[j] for j in range(*step.indices(self._horizon))]
        batches = [task.inner[step] for task in self._tasks]
        known, found = self._last
        if not known or any(a is not b for a, b in zip(batches, known, strict=True)):
            found = stack(batches)
            self._last = batches, found
        return found


def stack(batches: Sequence[Any]) -> Any:
    """One batch with a leading task dimension."""
    return type(batches[0])(*map(torch.stack, zip(*batches, strict=True)))


def _part(path: Path, i: int) -> Path:
    def of(tree: Tree) -> Tree:
        return {n: p[i] for n, p in tree.items()}

    return Path(of(path.start), of(path.end), path.taken and of(path.taken))
