"""No step is the teacher's: what the student did is held constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lazyleap.bilevel import Bilevel, Task
from lazyleap.blocks import Block
from lazyleap.estimators.base import MetaGradient, check
from lazyleap.estimators.lazy import leap_gradient
from lazyleap.estimators.listening import Listener, ListenOptions
from lazyleap.traits import Needs, Trait
from lazyleap.trees import Tree


@dataclass(frozen=True)
class FirstOrder(Listener):
    """The teacher takes no step: every direction is a constant, ``d phi_k / d phi_0 = I``.

    What is learned of the *update* still has its gradient: Meta-SGD's rates get
    ``-sum_j g_j * v``. Memory does not depend on the horizon. ``listen``: see
    :mod:`lazyleap.estimators.listening`.
    Source: Finn, Abbeel and Levine, ICML 2017, section 5.2.
    """

    needs: ClassVar[Needs] = {
        Trait.OUTSIDE: "directions are held constant and such a part would get no gradient",
        Trait.LINEAR: "the steps that are held are taken as one, along the sum of their directions",
    }
    Options: ClassVar[type[Block]] = ListenOptions
    stacks: ClassVar[bool] = True

    def __call__(self, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> MetaGradient:
        """See :class:`lazyleap.estimators.base.Estimator`."""
        check(self, problem, theta, tasks)
        return leap_gradient(problem, theta, tasks, (), hold=True, listen=self.listen)
