"""Every step is the teacher's: no leap, and no tape across steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lazyleap.bilevel import Bilevel, Task
from lazyleap.blocks import Block
from lazyleap.estimators.base import MetaGradient, check
from lazyleap.estimators.lazy import leap_gradient
from lazyleap.estimators.listening import Listener, ListenOptions
from lazyleap.estimators.twice import differentiated_twice
from lazyleap.traits import Needs
from lazyleap.trees import Tree


@dataclass(frozen=True)
class Exact(Listener):
    """The teacher takes every step: the true meta-gradient, without a tape across steps.

    Cost: k first-order steps and k double-backward ones; memory k parameter sets, and the
    activations of one step. ``listen``: see :mod:`lazyleap.estimators.listening`.
    """

    needs: ClassVar[Needs] = {}
    Options: ClassVar[type[Block]] = ListenOptions
    stacks: ClassVar[bool] = True

    @differentiated_twice()
    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """See :class:`lazyleap.estimators.base.Estimator`."""
        k = check(self, problem, theta, tasks)
        return leap_gradient(problem, theta, tasks, range(k), tapes=1, listen=self.listen)
