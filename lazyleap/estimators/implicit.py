"""The implicit function theorem at the student's end: the path does not matter, only its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from lazyleap.bilevel import Bilevel, Task, linearize, value_and_grad
from lazyleap.blocks import Block, Count, Rate
from lazyleap.errors import check_count, check_number
from lazyleap.estimators.base import (
    MetaGradient,
    Path,
    TaskGradient,
    average,
    check,
    check_one_batch,
)
from lazyleap.estimators.chance import State, rewind, state
from lazyleap.estimators.reach import require_read
from lazyleap.estimators.student import walk
from lazyleap.estimators.twice import check_twice, differentiated_twice
from lazyleap.traits import Needs, Trait
from lazyleap.trees import (
    Tree,
    add,
    dot,
    filled,
    subtract,
    zeros,
)


@dataclass(frozen=True)
class Proximal:
    """The problem with ``(rho / 2) |phi - init(theta)|^2`` added to the inner loss.

    What a forward pass draws by chance is drawn from ``chance`` at every step, so that there is one
    inner loss to be at the optimum of.
    """

    problem: Bilevel
    rho: float
    chance: State = field(default_factory=dict)

    def init(self, theta: Tree) -> Tree:
        """As in the problem itself."""
        return self.problem.init(theta)

    def inner_grad(self, phi: Tree, theta: Tree, batch: Any) -> Tree:
        """``inner_grad + rho (phi - init(theta))``."""
        rewind(self.chance)
        grad = self.problem.inner_grad(phi, theta, batch)
        start = self.problem.init(theta)
        return {n: g + self.rho * (phi[n] - start[n]) for n, g in grad.items()}

    def update(self, phi: Tree, grad: Tree, theta: Tree) -> Tree:
        """As in the problem itself."""
        return self.problem.update(phi, grad, theta)

    def outer_loss(self, phi: Tree, theta: Tree, batch: Any) -> Tensor:
        """As in the problem itself."""
        return self.problem.outer_loss(phi, theta, batch)


class ImplicitOptions(Block):
    """``rho``: weight of the proximal term; ``cg_steps``: conjugate-gradient iterations."""

    rho: Rate
    cg_steps: Count


@dataclass(frozen=True)
class Implicit:
    """The iMAML estimator.

    With F(phi, theta) the proximal inner gradient, F = 0 at the solver's end, and there

        d phi / d theta = -(dF/dphi)^-1 dF/dtheta,   dF/dphi = H + rho I

    The inverse is applied by ``cg_steps`` of conjugate gradient. Biased by how far the k inner
    steps end from the optimum, and by the truncation. Cost: k first-order steps, one
    double-backward each CG step; memory does not depend on k. Every inner batch must be the same
    one, and what dropout and its like draw is drawn once a task and again at each step: the optimum
    is that of one inner loss.

    Source: Rajeswaran, Finn, Kakade and Levine, NeurIPS 2019.
    """

    rho: float = 2.0
    cg_steps: int = 5
    needs: ClassVar[Needs] = {
        Trait.ONE_BATCH: "the optimum it differentiates is that of one inner loss",
        Trait.FIXED_UPDATE: "that optimum does not depend on how it was reached",
        Trait.RESTS: "it differentiates the direction where that is zero",
    }
    Options: ClassVar[type[Block]] = ImplicitOptions

    def __post_init__(self) -> None:
        check_number("rho", self.rho)
        check_count("cg_steps", self.cg_steps)

    @differentiated_twice()
    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """See :class:`lazyleap.estimators.base.Estimator`."""
        check(self, problem, theta, tasks)
        check_one_batch(tasks, "Implicit", self.needs[Trait.ONE_BATCH])
        results = [self._task(problem, theta, task) for task in tasks]
        meta = average([g for g, _ in results], [path for _, path in results])
        require_read(problem, theta, tasks[0], meta.grad)
        return meta

    def _task(self, problem: Bilevel, theta: Tree, task: Task) -> tuple[TaskGradient, Path]:
        proximal = Proximal(problem, self.rho, state(theta))
        path = walk(proximal, theta, task).path
        stationary = partial(proximal.inner_grad, batch=task.inner[0])
        _, curvature = linearize(partial(stationary, theta=theta), path.end, keep=True)
        check_twice(problem, curvature.value)
        _, mixed = linearize(partial(stationary, path.end), theta)
        outer_loss = partial(problem.outer_loss, batch=task.outer)
        loss, (v, g) = value_and_grad(outer_loss, path.end, theta)

        def row(p: Tree) -> Tree:  # (H + rho I) is symmetric, so it is a column
            return filled(curvature(p)[0], path.end)

        x = conjugate_gradient(row, v := filled(v, path.end), self.cg_steps)
        if not dot(x, x):  # no positive curvature at all: the proximal term alone
            x = {n: p / self.rho for n, p in v.items()}
        return TaskGradient(loss, subtract(*(filled(d, theta) for d in (g, *mixed(x))))), path


def conjugate_gradient(matrix: Callable[[Tree], Tree], b: Tree, steps: int) -> Tree:
    """Solve ``matrix(x) = b``, ``matrix`` symmetric, by at most ``steps`` iterations from zero.

    Stops where the curvature along the search direction is not positive: beyond it the quadratic
    has no minimum. Where that is so at once, the result is zero.
    """
    x, r = zeros(b), dict(b)
    p, rr = r, dot(r, r)
    for _ in range(steps):
        q = matrix(p)
        curve = dot(p, q)
        if rr <= torch.finfo(rr.dtype).tiny or curve <= 0:
            break
        a = float(rr / curve)
        x, r = add(x, p, a), add(r, q, -a)
        new = dot(r, r)
        p, rr = add(r, p, float(new / rr)), new
    return x
