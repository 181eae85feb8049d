"""The displacement itself as the meta-gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from lazyleap.bilevel import Bilevel, Task
from lazyleap.blocks import Block, Empty
from lazyleap.estimators.base import MetaGradient, TaskGradient, average, check
from lazyleap.estimators.reach import require_read
from lazyleap.estimators.student import walk
from lazyleap.traits import Needs, Trait
from lazyleap.trees import Tree, filled, subtract


@dataclass(frozen=True)
class Reptile:
    """Meta-gradient ``s_0 - s_k``, where theta is the start and nothing else.

    No gradient of the outer loss: a descent direction of the expected inner loss that also aligns
    the gradients of different batches. Cost: k first-order steps. The outer loss is evaluated, so
    that it can be logged. Source: Nichol, Achiam and Schulman, arXiv 1803.02999, 2018.
    """

    needs: ClassVar[Needs] = {Trait.START: "s_0 - s_k says nothing of any other part"}
    Options: ClassVar[type[Block]] = Empty
    stacks: ClassVar[bool] = True

    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """See :class:`lazyleap.estimators.base.Estimator`."""
        check(self, problem, theta, tasks)
        gradients, paths = [], []
        for task in tasks:
            walked = walk(problem, theta, task)
            path = walked.path
            paths.append(path)
            with torch.no_grad():
                loss = problem.outer_loss(path.end, theta, task.outer)
            displacement = subtract(path.start, path.end)
            tasks_in_one = getattr(problem, "count", 1)  # of which theta is the start
            (grad,) = walked.begin({n: d / tasks_in_one for n, d in displacement.items()})
            gradients.append(TaskGradient(loss, filled(grad, theta)))
        meta = average(gradients, paths)
        require_read(problem, theta, tasks[0], meta.grad)
        return meta
