"""All k steps on autograd's own tape: the oracle, and what other libraries do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from lazyleap.bilevel import Bilevel, Pull, Task, step
from lazyleap.blocks import Block, Empty
from lazyleap.estimators.base import MetaGradient, Path, TaskGradient, average, check
from lazyleap.estimators.reach import require_part
from lazyleap.estimators.twice import check_twice, differentiated_twice
from lazyleap.traits import Needs
from lazyleap.trees import Tree, copy, filled, leaf


@dataclass(frozen=True)
class Unrolled:
    """The true meta-gradient by back-propagation through the whole inner loop.

    Cost: time and activation memory grow with k. Equal to ``Exact`` but for rounding; kept as the
    reference the others are tested and timed against. Source: Finn, Abbeel and Levine, ICML 2017.
    """

    needs: ClassVar[Needs] = {}
    Options: ClassVar[type[Block]] = Empty
    stacks: ClassVar[bool] = True

    @differentiated_twice()
    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """See :class:`lazyleap.estimators.base.Estimator`."""
        check(self, problem, theta, tasks)
        results = [_unroll(problem, theta, task) for task in tasks]
        meta = average([g for g, _ in results], [path for _, path in results])
        require_part(problem, theta.keys() - meta.grad.keys())
        return replace(meta, grad=filled(meta.grad, theta))


def _unroll(problem: Bilevel, theta: Tree, task: Task) -> tuple[TaskGradient, Path]:
    with torch.enable_grad():
        anchor = {n: leaf(p) for n, p in theta.items()}
        start = phi = problem.init(anchor)
        for batch in task.inner:
            phi = step(problem, phi, anchor, batch)
        loss = problem.outer_loss(phi, anchor, task.outer)
    check_twice(problem, {"": loss})
    (grad,) = Pull({"": loss}, [anchor])({"": torch.ones_like(loss)})
    return TaskGradient(loss, grad), Path(copy(start), copy(phi))
