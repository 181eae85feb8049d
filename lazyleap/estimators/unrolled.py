"""All k steps on autograd's own tape: the oracle, and what other libraries do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from lazyleap.bilevel import Bilevel, Pull, Task, step
from lazyleap.blocks import Block
from lazyleap.estimators.base import MetaGradient, Path, TaskGradient, average, check
from lazyleap.estimators.listening import Listener, ListenOptions, Share, shares
from lazyleap.estimators.reach import require_part
from lazyleap.estimators.twice import check_twice, differentiated_twice
from lazyleap.traits import Needs
from lazyleap.trees import Tree, copy, filled, leaf


@dataclass(frozen=True)
class Unrolled(Listener):
    """The true meta-gradient by back-propagation through the whole inner loop.

    Cost: time and activation memory grow with k. Equal to ``Exact`` but for rounding; kept as the
    reference the others are tested and timed against. ``listen``: see
    :mod:`lazyleap.estimators.listening`. Source: Finn, Abbeel and Levine, ICML 2017.
    """

    needs: ClassVar[Needs] = {}
    Options: ClassVar[type[Block]] = ListenOptions
    stacks: ClassVar[bool] = True

    @differentiated_twice()
    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """See :class:`lazyleap.estimators.base.Estimator`."""
        at = self.points(check(self, problem, theta, tasks))
        heard = [shares(problem, task.outer, at) for task in tasks]
        results = [_unroll(problem, theta, *each) for each in zip(tasks, heard, strict=True)]
        meta = average([g for g, _ in results], [path for _, path in results])
        require_part(problem, theta.keys() - meta.grad.keys())
        return replace(meta, grad=filled(meta.grad, theta))


def _unroll(
    problem: Bilevel, theta: Tree, task: Task, heard: Mapping[int, Share]
) -> tuple[TaskGradient, Path]:
    with torch.enable_grad():
        anchor = {n: leaf(p) for n, p in theta.items()}
        start = phi = problem.init(anchor)
        points = {}
        for taken, batch in enumerate(task.inner, start=1):
            phi = step(problem, phi, anchor, batch)
            if taken in heard:
                points[taken] = phi
        losses = [heard[at].loss(problem, points[at], anchor) for at in reversed(points)]
        loss = sum(losses[1:], losses[0])
    check_twice(problem, {"": loss})
    (grad,) = Pull({"": loss}, [anchor])({"": torch.ones_like(loss)})
    return TaskGradient(loss, grad), Path(copy(start), copy(phi))
