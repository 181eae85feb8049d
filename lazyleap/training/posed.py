"""Inner problems that a learner poses outside of its training, to compare meta-gradients on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from lazyleap.bilevel import Bilevel, Task
from lazyleap.trees import Tree


class Posed(NamedTuple):
    """``tasks`` of ``problem``, and the ``theta`` that meta-gradients are of."""

    problem: Bilevel
    theta: Tree
    tasks: Sequence[Task]


@runtime_checkable
class Poses(Protocol):
    """A learner that can."""

    def posed(self, trained: Tree, count: int) -> Posed | None:
        """At what a training ended with, ``count`` tasks at most; None if this one has none."""
        ...
