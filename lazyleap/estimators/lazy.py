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

Two things may be more than that. What is skipped may be stood for by what the student's own steps
tell of it (:mod:`lazyleap.estimators.secants`), a map that a cotangent then passes in place of the
identity. And the outer loss may be heard at several points of the path
(:mod:`lazyleap.estimators.listening`): then v and g gain a share's part where that was heard.

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
from typing import Any, ClassVar

import torch
from torch import Tensor

from lazyleap.bilevel import Bilevel, Task, value_and_grad
from lazyleap.blocks import Block, Count
from lazyleap.estimators.base import (
    MetaGradient,
    Path,
    TaskGradient,
    average,
    check,
    check_one_batch,
)
from lazyleap.estimators.listening import Listen, Listener, ListenOptions, Share, points, shares
from lazyleap.estimators.placement import Placement, check_leaps, teacher_steps, with_taught
from lazyleap.estimators.reach import require_heard
from lazyleap.estimators.secants import LEAST, NEEDS, Rest, check_rest
from lazyleap.estimators.student import Walk, walk
from lazyleap.estimators.twice import differentiated_twice
from lazyleap.noted import MIN_FACTOR
from lazyleap.traits import Needs, Trait
from lazyleap.trees import Tree, filled, gather

TAPES = 4  # of single steps that are held at a time


class LazyOptions(ListenOptions):
    """``leaps``: steps in the graph (m), by their ``placement``; ``lam``: how far a leap goes.

    ``rest``: what stands for the other steps.
    """

    leaps: Count
    placement: str | list[int]
    lam: float
    rest: Rest

    @classmethod
    def merged(cls, given: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """A list of steps says itself how many they are."""
        listed = changes.get("placement")
        counted = {"leaps": len(listed)} if isinstance(listed, list) else {}
        return super().merged(given, {**counted, **changes})


@dataclass(frozen=True)
class Lazy(Listener):
    """The teacher takes ``leaps`` steps and leaps over the rest of the student's path.

    ``d phi_k / d phi_0`` is the product of ``leaps`` factors ``I - alpha H(s_j)``. ``placement``
    says where they are: from the ``start``, towards the ``end``, the last ones (``tail``: truncated
    back-propagation), or a list of steps of 0..k-1. ``lam < 1`` leaps only part of the way and goes
    with one leap at the ``end``.

    ``rest`` says what stands for the steps that are leapt over: the ``identity``, or the path's
    ``secants``, a map fitted to the student's own steps; as ``signed_secants`` it keeps the sign of
    a step that overshoots. These want plain gradient descent on one batch, and a forward pass
    without chance. ``listen``: see :mod:`lazyleap.estimators.listening`.

    Besides these the teacher takes the steps that the problem wants taught: of example weightings,
    the weighted step, through which alone L2RW's weights act.

    Cost: k first-order steps, of which ``leaps`` are followed by a double-backward; memory that of
    the activations of up to four steps, and ``leaps`` parameter sets. With ``secants`` k parameter
    sets, k^2 inner products and two products with all of them a gap besides: by the clock half
    a step of the student's to one and a half at k = 10, more at k = 20 (docs/results/speed.md).
    Raises InputError at once, where these fit no horizon; when called, before any work, where they
    do not fit this one; after it, where a part of theta acts only through steps that the teacher
    leaps over: its gradient would be zero.
    """

    leaps: int = 1
    placement: Placement = "start"
    lam: float = 1.0
    rest: Rest = "identity"
    Options: ClassVar[type[Block]] = LazyOptions
    stacks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_leaps(self.leaps, self.placement, self.lam)
        check_rest(self.rest, self.lam)
        super().__post_init__()

    @property
    def needs(self) -> Needs:
        """Nothing where the identity stands for what is skipped."""
        return NEEDS if self.rest in LEAST else {}

    def teacher(self, problem: Bilevel, horizon: int) -> tuple[int, ...]:
        """The steps that the teacher takes; InputError where they do not fit the horizon."""
        steps = teacher_steps(horizon, self.leaps, self.placement, self.lam)
        taught = getattr(problem, "taught", lambda _: ())
        return with_taught(steps, taught(horizon), self.lam)

    @differentiated_twice()
    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """See :class:`lazyleap.estimators.base.Estimator`."""
        steps = self.teacher(problem, check(self, problem, theta, tasks))
        if why := self.needs.get(Trait.ONE_BATCH):
            check_one_batch(tasks, "Lazy", why)
        return leap_gradient(
            problem, theta, tasks, steps, lam=self.lam, listen=self.listen, rest=self.rest
        )


def leap_gradient(
    problem: Bilevel,
    theta: Tree,
    tasks: Sequence[Task],
    steps: Sequence[int],
    *,
    lam: float = 1.0,
    hold: bool = False,
    tapes: int = TAPES,
    listen: Listen = "end",
    rest: Rest = "identity",
) -> MetaGradient:
    """The meta-gradient through the teacher's ``steps``; the one program of this file.

    ``hold`` tracks how the steps that nobody takes depend on theta through their update alone. Of
    the teacher's steps the last ``tapes`` are taken once, those before them twice.
    """
    at = points(listen, len(tasks[0].inner))
    heard = [shares(problem, task.outer, at) for task in tasks]

    def whole(task: Task, share: Mapping[int, Share]) -> tuple[TaskGradient, Path, Tensor | None]:
        walked = walk(problem, theta, task, steps, at, lam=lam, hold=hold, tapes=tapes, rest=rest)
        least = walked.secants.least.amin() if walked.secants else None
        return teach(problem, theta, share, walked), walked.path, least

    # one at a time: what the teacher needs of one is gone before the next begins
    gradients, paths, least = zip(*map(whole, tasks, heard), strict=True)
    meta = average(gradients, paths)
    unheard = theta.keys() - meta.grad.keys()
    require_heard(problem, theta, tasks[0], paths[0].end, steps, unheard)
    noted = {MIN_FACTOR: torch.stack(least).amin()} if rest in LEAST else {}
    return replace(meta, grad=filled(meta.grad, theta), noted=noted)


def teach(problem: Bilevel, theta: Tree, heard: Mapping[int, Share], walked: Walk) -> TaskGradient:
    """The teacher: one vector-Jacobian product a step it takes, from the last to the first.

    What theta has no part in is missing from the gradient.
    """
    v: Tree = {}
    g: Tree = {}
    losses, at = list[Tensor](), max(heard)
    for here in sorted({*heard, *(j + 1 for j in walked.backs)}, reverse=True):
        v, at = walked.leap(v, at - here), here
        if here in heard:
            heard_loss = partial(heard[here].loss, problem)
            loss, (dv, dg) = value_and_grad(heard_loss, walked.points[here], theta)
            losses, v, g = [loss, *losses], gather(v, dv), gather(g, dg)
        if here - 1 in walked.backs:
            v, dg = walked.backs[here - 1](v)
            g, at = gather(g, dg), here - 1
    (dg,) = walked.begin(walked.leap(v, at))
    return TaskGradient(sum(losses[1:], losses[0]), gather(g, dg))
