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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, NamedTuple

import torch

from lazyleap.bilevel import Bilevel, Pull, Task, linearize, value_and_grad
from lazyleap.blocks import Block, Count
from lazyleap.estimators.base import MetaGradient, Path, TaskGradient, average, check
from lazyleap.estimators.placement import Placement, check_leaps, teacher_steps, with_taught
from lazyleap.estimators.reach import require_heard
from lazyleap.estimators.steps import Back, Held, Stand
from lazyleap.estimators.twice import differentiated_twice
from lazyleap.traits import Needs
from lazyleap.trees import (
    Tree,
    add,
    copy,
    filled,
    gather,
    subtract,
    zeros,
)

TAPES = 4  # of single steps that are held at a time


class LazyOptions(Block):
    """``leaps``: steps in the graph (m), by their ``placement``; ``lam``: how far a leap goes."""

    leaps: Count
    placement: str | list[int]
    lam: float

    @classmethod
    def merged(cls, given: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """A list of steps says itself how many they are."""
        listed = changes.get("placement")
        counted = {"leaps": len(listed)} if isinstance(listed, list) else {}
        return super().merged(given, {**counted, **changes})


@dataclass(frozen=True)
class Lazy:
    """The teacher takes ``leaps`` steps and leaps over the rest of the student's path.

    ``d phi_k / d phi_0`` is the product of ``leaps`` factors ``I - alpha H(s_j)``. ``placement``
    says where they are: from the ``start``, towards the ``end``, the last ones (``tail``: truncated
    back-propagation), or a list of steps of 0..k-1. ``lam < 1`` leaps only part of the way and goes
    with one leap at the ``end``.

    Besides these the teacher takes the steps that the problem wants taught: of example weightings,
    the weighted step, through which alone L2RW's weights act.

    Cost: k first-order steps, of which ``leaps`` are followed by a double-backward; memory that of
    the activations of up to four steps, and ``leaps`` parameter sets.
    Raises InputError at once, where these fit no horizon; when called, before any work, where they
    do not fit this one; after it, where a part of theta acts only through steps that the teacher
    leaps over: its gradient would be zero.
    """

    leaps: int = 1
    placement: Placement = "start"
    lam: float = 1.0
    needs: ClassVar[Needs] = {}
    Options: ClassVar[type[Block]] = LazyOptions
    stacks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_leaps(self.leaps, self.placement, self.lam)

    def teacher(self, problem: Bilevel, horizon: int) -> tuple[int, ...]:
        """The steps that the teacher takes; InputError where they do not fit the horizon."""
        steps = teacher_steps(horizon, self.leaps, self.placement, self.lam)
        taught = getattr(problem, "taught", lambda _: ())
        return with_taught(steps, taught(horizon), self.lam)

    @differentiated_twice()
    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """See :class:`lazyleap.estimators.base.Estimator`."""
        steps = self.teacher(problem, check(self, problem, theta, tasks))
        return leap_gradient(problem, theta, tasks, steps, lam=self.lam)


class Walk(NamedTuple):
    """The student's path, and the pulls onto (phi, theta) of what depends on theta along it.

    In order: each step that the teacher takes, and the update alone where that is held; ``begin``
    is that of ``init``.
    """

    path: Path
    begin: Pull
    backs: Sequence[Back] = ()


def leap_gradient(
    problem: Bilevel,
    theta: Tree,
    tasks: Sequence[Task],
    steps: Sequence[int],
    *,
    lam: float = 1.0,
    hold: bool = False,
    tapes: int = TAPES,
) -> MetaGradient:
    """The meta-gradient through the teacher's ``steps``; the one program of this file.

    ``hold`` tracks how the steps that nobody takes depend on theta through their update alone. Of
    the teacher's steps the last ``tapes`` are taken once, those before them twice.
    """

    def whole(task: Task) -> tuple[TaskGradient, Path]:
        walked = walk(problem, theta, task, steps, lam=lam, hold=hold, tapes=tapes)
        return teach(problem, theta, task, walked), walked.path

    # one at a time: what the teacher needs of one is gone before the next begins
    gradients, paths = zip(*map(whole, tasks), strict=True)
    meta = average(gradients, paths)
    unheard = theta.keys() - meta.grad.keys()
    require_heard(problem, theta, tasks[0], paths[0].end, steps, unheard)
    return replace(meta, grad=filled(meta.grad, theta))


@torch.no_grad()
def walk(
    problem: Bilevel,
    theta: Tree,
    task: Task,
    steps: Sequence[int] = (),
    *,
    lam: float = 1.0,
    hold: bool = False,
    tapes: int = 0,
) -> Walk:
    """The student: k steps, no graph but at those that the teacher takes."""
    start, begin = linearize(problem.init, theta)
    start = copy(start)  # theta may be moved in place afterwards
    phi: Tree = start
    fixed, taken, backs = begin.constant, zeros(start) if steps else {}, list[Back]()
    held = Held(problem, theta) if hold else None
    for j, batch in enumerate(task.inner):
        if j in steps:
            phi = add(start, subtract(phi, start), lam) if lam < 1 else phi
            here = Stand(problem, phi, theta, batch, fixed)
            moved, back = here.linearize() if j in steps[-tapes:] else here.postpone()
            fixed, taken = False, add(taken, subtract(moved, phi))
            backs.append(back)
        else:
            grad = problem.inner_grad(phi, theta, batch)
            moved = problem.update(phi, grad, theta)
            if held:
                held.take(phi, grad)
        phi = moved
    return Walk(Path(start, phi, taken or None), begin, [*backs, held.back] if held else backs)


def teach(problem: Bilevel, theta: Tree, task: Task, walked: Walk) -> TaskGradient:
    """The teacher: one vector-Jacobian product a step it takes, from the last to the first.

    What theta has no part in is missing from the gradient.
    """
    outer_loss = partial(problem.outer_loss, batch=task.outer)
    loss, (v, g) = value_and_grad(outer_loss, walked.path.end, theta)
    for back in reversed(walked.backs):
        v, d = back(v)
        g = gather(g, d)
    (d,) = walked.begin(v)
    return TaskGradient(loss, gather(g, d))
