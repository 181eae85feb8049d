"""The implicit function theorem with a Neumann series in place of conjugate gradient."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from lazyleap.bilevel import linearize, value_and_grad
from lazyleap.blocks import Block, Count
from lazyleap.estimators.base import MetaGradient, TaskGradient, average, check
from lazyleap.estimators.implicit import Implicit, Proximal
from lazyleap.estimators.lazy import walk
from lazyleap.trees import add, filled, subtract

RHO, STEP = 2.0, 0.2


class NeumannOptions(Block):
    terms: Count


@dataclass(frozen=True)
class Neumann:
    """``(H + rho I)^-1 v ~ step * sum_{i < terms} (I - step (H + rho I))^i v``."""

    terms: int = 10
    needs: ClassVar = Implicit.needs
    Options: ClassVar = NeumannOptions

    def __call__(self, problem, theta, tasks) -> MetaGradient:
        check(self, problem, theta, tasks)
        walked = [walk(Proximal(problem, RHO), theta, task) for task in tasks]
        paths = [one.path for one in walked]
        found = [self._task(problem, theta, *pair) for pair in zip(tasks, paths, strict=True)]
        return average(found, paths)

    def _task(self, problem, theta, task, path) -> TaskGradient:
        stationary = partial(Proximal(problem, RHO).inner_grad, batch=task.inner[0])
        _, curvature = linearize(partial(stationary, theta=theta), path.end, keep=True)
        _, mixed = linearize(partial(stationary, path.end), theta)
        outer_loss = partial(problem.outer_loss, batch=task.outer)
        loss, (v, g) = value_and_grad(outer_loss, path.end, theta)
        term = total = filled(v, path.end)
        for _ in range(self.terms - 1):
            term = add(term, filled(curvature(term)[0], path.end), -STEP)
            total = add(total, term)
        total = {n: STEP * p for n, p in total.items()}
        (d,) = mixed(total)
        return TaskGradient(loss, subtract(filled(g, theta), filled(d, theta)))
