"""A step of the teacher's: on a tape of its own from the first, or taken again for the pull.

A kept tape costs memory, the activations of one step and its double-backward; taking the step again
costs the time of one first-order step, and it must draw the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lazyleap.bilevel import Bilevel, Pull, linearize, step
from lazyleap.estimators import chance
from lazyleap.estimators.twice import check_twice
from lazyleap.trees import Tree, add

Back = Callable[[Tree], tuple[dict[str, Tensor], dict[str, Tensor]]]
"""A cotangent of where a step ended to those of where it started and of theta."""


class Stand(NamedTuple):
    """Where an inner step starts. ``fixed``: phi does not depend on theta, nobody asks for d/dphi.

    So it is before the first of the teacher's steps where ``init`` is a constant, as the running
    classifier of example weighting is; that step then costs less than half.
    """

    problem: Bilevel
    phi: Tree
    theta: Tree
    batch: Any
    fixed: bool

    def linearize(self) -> tuple[Tree, Back]:
        """The step's end, and the pull by its tape."""
        taken = partial(step, self.problem, batch=self.batch)
        if not self.fixed:
            end, pull = linearize(taken, self.phi, self.theta)
            check_twice(self.problem, pull.value)
            return end, partial(_both, pull)
        end, pull = linearize(partial(step, self.problem, self.phi, batch=self.batch), self.theta)
        check_twice(self.problem, pull.value)
        return end, partial(_second, pull)

    def postpone(self) -> tuple[Tree, Back]:
        """The same without a tape: the step is taken again when it is pulled."""
        before = chance.state(self.theta)
        with torch.no_grad():
            end = step(self.problem, self.phi, self.theta, self.batch)
        drawn = chance.drawn(before)

        def back(v: Tree) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
            with chance.replayed(drawn):
                again, pull = self.linearize()
            chance.check_same(again, end, self.phi)
            return pull(v)

        return end, back


class Held:
    """Steps of constant directions, which depend on theta through their updates alone.

    An update is linear in gradients and buffers: k held steps are one, along their sums.
    """

    def __init__(self, problem: Bilevel, theta: Tree) -> None:
        self._update, self._theta = problem.update, theta
        self._sums: tuple[Tree, Tree] | None = None

    def take(self, phi: Tree, grad: Tree) -> None:
        """One more; an update that knows nothing of theta costs nothing further."""
        if self._sums is None:
            self.free = linearize(partial(self._update, phi, grad), self._theta)[1].constant
            self._sums = phi, grad
        elif not self.free:
            self._sums = add(self._sums[0], phi), add(self._sums[1], grad)

    def back(self, v: Tree) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """``v`` as it is, and what the updates owe theta."""
        assert self._sums is not None
        (d,) = linearize(partial(self._update, *self._sums), self._theta)[1](v)
        return dict(v), d


def _both(pull: Pull, v: Tree) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    phi, theta = pull(v)
    return phi, theta


def _second(pull: Pull, v: Tree) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    (theta,) = pull(v)
    return {}, theta
