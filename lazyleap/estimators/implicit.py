"""The implicit function theorem at the student's end: the path does not matter, only its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lazyleap.bilevel import (
    Bilevel,
    Task,
    Tree,
    add,
    dot,
    subtract,
    value_and_grad,
    vjp,
    zeros,
)
from lazyleap.errors import InputError
from lazyleap.estimators.base import MetaGradient, TaskGradient, average
from lazyleap.estimators.lazy import walk


@dataclass(frozen=True)
class Proximal:
    """The problem with ``(rho / 2) |phi - init(theta)|^2`` added to the inner loss."""

    problem: Bilevel
    rho: float

    def init(self, theta: Tree) -> Tree:
        """As in the problem itself."""
        return self.problem.init(theta)

    def inner_grad(self, phi: Tree, theta: Tree, batch: Any) -> Tree:
        """``inner_grad + rho (phi - init(theta))``."""
        grad = self.problem.inner_grad(phi, theta, batch)
        start = self.problem.init(theta)
        return {n: g + self.rho * (phi[n] - start[n]) for n, g in grad.items()}

    def update(self, phi: Tree, grad: Tree, theta: Tree) -> Tree:
        """As in the problem itself."""
        return self.problem.update(phi, grad, theta)

    def outer_loss(self, phi: Tree, theta: Tree, batch: Any) -> Tensor:
        """As in the problem itself."""
        return self.problem.outer_loss(phi, theta, batch)


@dataclass(frozen=True)
class Implicit:
    """The iMAML estimator.

    With F(phi, theta) the proximal inner gradient, F = 0 at the solver's end, and there

        d phi / d theta = -(dF/dphi)^-1 dF/dtheta,   dF/dphi = H + rho I

    The inverse is applied by ``cg_steps`` of conjugate gradient. Biased by how far the k inner
    steps end from the optimum, and by the truncation. Cost: k first-order steps, one
    double-backward each CG step; memory does not depend on k. Every inner batch must be the same
    one: the optimum is that of one inner loss.

    Source: Rajeswaran, Finn, Kakade and Levine, NeurIPS 2019.
    """

    rho: float = 2.0
    cg_steps: int = 5

    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """See :class:`lazyleap.estimators.base.Estimator`."""
        for task in tasks:
            if any(batch is not task.inner[0] for batch in task.inner):
                raise InputError("estimator 'implicit' needs the same batch at every inner step")
        proximal = Proximal(problem, self.rho)
        paths = walk(proximal, theta, tasks, ())
        gradients = [
            self._task(proximal, theta, task, path.end)
            for task, path in zip(tasks, paths, strict=True)
        ]
        return average(gradients, paths)

    def _task(self, problem: Proximal, theta: Tree, task: Task, end: Tree) -> TaskGradient:
        loss, (v, g) = value_and_grad(partial(problem.outer_loss, batch=task.outer), end, theta)
        stationary = partial(problem.inner_grad, batch=task.inner[0])

        def curvature(x: Tree) -> Tree:  # (H + rho I) x; symmetric, so a row is a column
            return vjp(partial(stationary, theta=theta), x, end)[0]

        x = conjugate_gradient(curvature, v, self.cg_steps)
        if not dot(x, x):  # no positive curvature at all: the proximal term alone
            x = {n: p / self.rho for n, p in v.items()}
        (d,) = vjp(partial(stationary, end), x, theta)
        return TaskGradient(loss, subtract(g, d))


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
