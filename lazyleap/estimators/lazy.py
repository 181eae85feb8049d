"""The student's path and the teacher's steps: lazy, first-order and exact are one program.

``sg[.]`` is stop-gradient, ``k`` the horizon, ``b_j`` the j-th inner batch.

    student   s_0 = sg[init(theta)],  s_{j+1} = sg[step(s_j, theta, b_j)]       k steps, no graph
    teacher   takes some of the k steps itself, in the graph, and leaps over the others;
              a leap from phi to the student's s_j is   phi + lam * sg[s_j - phi],  0 < lam <= 1
    meta      g = d outer_loss(phi_k(theta), theta) / d theta

A leap is a constant displacement: a cotangent passes it unchanged. So the chain rule has one
factor for every step the teacher took, and none for the others:

    v, g   = d outer_loss / d (phi, theta)     at (phi_k, theta)
    v, d   = v @ d step / d (phi, theta)       at s_j, for the teacher's j in reverse;   g += d
    g     += v @ d init / d theta

The one question left is *which of the student's steps does the teacher take?* One, or a few, make
``Lazy``; none, ``FirstOrder``; all, ``Exact``. No tape ever spans two steps, so activation memory
does not depend on the horizon.

The student, the teacher and the leap are Jamal, Wang and Gong's ("A Lazy Approach to Long-Horizon
Gradient-Based Meta-Learning", ICCV 2021). The leap as a constant displacement, more leaps than one
and their placement are this project's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch

from lazyleap.bilevel import (
    Bilevel,
    Pull,
    Task,
    Tree,
    add,
    copy,
    linearize,
    step,
    subtract,
    value_and_grad,
    vjp,
    zeros,
)
from lazyleap.estimators import chance
from lazyleap.estimators.base import MetaGradient, Path, Point, TaskGradient, average, check
from lazyleap.estimators.placement import Placement, teacher_steps, with_taught
from lazyleap.estimators.reach import require_heard
from lazyleap.traits import Needs


@dataclass(frozen=True)
class Lazy:
    """The teacher takes ``leaps`` steps and leaps over the rest of the student's path.

    ``d phi_k / d phi_0`` is the product of ``leaps`` factors ``I - alpha H(s_j)``. ``placement``
    says where they are: from the ``start``, towards the ``end``, the last ones (``tail``: truncated
    back-propagation), or a list of steps of 0..k-1. ``lam < 1`` leaps only part of the way and goes
    with one leap at the ``end``.

    Besides these the teacher takes the steps that the problem wants taught: of example weightings,
    the weighted step, through which alone L2RW's weights act.

    Cost: k first-order steps and ``leaps`` double-backward ones; memory ``leaps`` parameter sets.
    Raises InputError, before any work, where these do not fit the horizon; after it, where a part
    of theta acts only through steps that the teacher leaps over: its gradient would be zero.
    """

    leaps: int = 1
    placement: Placement = "start"
    lam: float = 1.0
    needs: ClassVar[Needs] = {}

    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """See :class:`lazyleap.estimators.base.Estimator`."""
        k = check(self, problem, tasks)
        steps = teacher_steps(k, self.leaps, self.placement, self.lam)
        taught = getattr(problem, "taught", lambda _: ())
        steps = with_taught(steps, taught(k), self.lam)
        meta = leap_gradient(problem, theta, tasks, steps, lam=self.lam)
        require_heard(problem, theta, tasks[0], meta.paths[0].end, steps, meta.grad)
        return meta


def leap_gradient(
    problem: Bilevel,
    theta: Tree,
    tasks: Sequence[Task],
    steps: Sequence[int],
    *,
    lam: float = 1.0,
    hold: bool = False,
) -> MetaGradient:
    """The meta-gradient through the teacher's ``steps``; the one program of this file.

    ``hold`` tracks how the steps that nobody takes depend on theta through their update alone.
    """
    gradients, paths = [], []
    for task in tasks:
        paths.append(walk(problem, theta, task, steps, lam=lam, hold=hold))
        gradients.append(teach(problem, theta, task, paths[-1]))
    return average(gradients, paths)


@torch.no_grad()
def walk(
    problem: Bilevel,
    theta: Tree,
    task: Task,
    steps: Sequence[int] = (),
    *,
    lam: float = 1.0,
    hold: bool = False,
) -> Path:
    """The student: k steps, no graph, keeping what the teacher needs to take ``steps`` again."""
    start = copy(problem.init(theta))  # theta may be moved in place afterwards
    phi: Tree = start
    points: dict[int, Point] = {}
    taken, held = zeros(phi), None
    for j, batch in enumerate(task.inner):
        if j in steps and lam < 1:
            phi = add(start, subtract(phi, start), lam)
        before = chance.state(theta) if j in steps else {}
        grad = problem.inner_grad(phi, theta, batch)
        moved = problem.update(phi, grad, theta)
        if j in steps:
            points[j] = Point(phi, moved, chance.drawn(before))
            taken = add(taken, subtract(moved, phi))
        if hold:
            held = (add(held[0], phi), add(held[1], grad)) if held else (phi, grad)
        phi = moved
    return Path(start, phi, taken if steps else None, points, held)


def teach(problem: Bilevel, theta: Tree, task: Task, path: Path) -> TaskGradient:
    """The teacher: one vector-Jacobian product a step it takes, from the last to the first."""
    outer_loss = partial(problem.outer_loss, batch=task.outer)
    loss, (v, g) = value_and_grad(outer_loss, path.end, theta)
    for j in sorted(path.points, reverse=True):
        v, d = _retake(problem, theta, task.inner[j], path.points[j])(v)
        g = add(g, d)
    if path.held is not None:
        # An update is linear in grad and buffers: k held steps are one, along their sums.
        (d,) = vjp(partial(problem.update, *path.held), v, theta)
        g = add(g, d)
    (d,) = vjp(problem.init, v, theta)
    return TaskGradient(loss, add(g, d))


def _retake(problem: Bilevel, theta: Tree, batch: Any, point: Point) -> Pull:
    """The student's step from ``point`` once more, with a graph."""
    with chance.replayed(point.chance):
        again, pull = linearize(partial(step, problem, batch=batch), point.phi, theta)
    chance.check_same(again, point.reached, point.phi)
    return pull
