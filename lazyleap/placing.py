"""Which of the student's steps the teacher should take: by what they measurably add to fidelity.

Greedily: to the steps chosen so far comes the one that brings the meta-gradient nearest to the
exact one, on tasks that nothing is trained or judged on. What is worth its time is then a division:
the cosine to the exact gradient over the CPU time of a meta-gradient, of first order too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lazyleap.bilevel import Bilevel, Task
from lazyleap.errors import InputError
from lazyleap.estimators import Estimator, FirstOrder, Lazy
from lazyleap.estimators.base import horizon
from lazyleap.estimators.listening import Listen
from lazyleap.estimators.secants import Rest
from lazyleap.fidelity import Beside, Fidelity
from lazyleap.trees import Tree


class Placed(NamedTuple):
    """Steps that a teacher might take, and what that gives; ``steps`` is empty for first order."""

    steps: tuple[int, ...]
    found: Fidelity

    @property
    def worth(self) -> float:
        """Cosine to the exact gradient, by a second of CPU time."""
        assert self.found.cosine is not None
        assert self.found.cpu_ms is not None
        return 1000 * self.found.cosine / self.found.cpu_ms


def place(
    problem: Bilevel,
    theta: Tree,
    tasks: Sequence[Task],
    most: int,
    rest: Rest = "identity",
    listen: Listen = "end",
) -> list[Placed]:
    """The best steps of each number, from none (first order, where it serves) to ``most``.

    ``problem``, ``theta`` and ``tasks`` are as in :func:`lazyleap.fidelity.compare`, ``rest`` and
    ``listen`` as in :class:`lazyleap.Lazy`. No more steps than the horizon has.

    Cost: of every task an exact gradient and ``most`` times the horizon's number of lazy ones.

    Raises:
        InputError: if ``most`` is below 1, ``rest`` does not go with the problem, or the exact
            gradient of a task is zero or not finite.
    """
    if most < 1:
        raise InputError(f"place {most}: wants a teacher of one step at least")
    beside = Beside(problem, theta, tasks, listen)
    found = _none(beside, listen)
    chosen: tuple[int, ...] = ()
    for _ in range(min(most, horizon(tasks))):
        tried = [
            Placed(steps, beside.look(_said(steps), _teacher(steps, rest, listen)))
            for steps in _longer(chosen, horizon(tasks))
        ]
        found.append(max(tried, key=lambda one: one.found.cosine or 0.0))
        chosen = found[-1].steps
    return found


def worthiest(found: Sequence[Placed]) -> Placed:
    """The steps with the highest cosine for their time."""
    return max(found, key=lambda one: one.worth)


def _none(beside: Beside, listen: Listen) -> list[Placed]:
    try:
        return [Placed((), beside.look("first order", FirstOrder(listen=listen)))]
    except InputError:  # example weights, which it cannot serve
        return []


def _longer(steps: tuple[int, ...], k: int) -> list[tuple[int, ...]]:
    return [tuple(sorted((*steps, j))) for j in range(k) if j not in steps]


def _teacher(steps: tuple[int, ...], rest: Rest, listen: Listen) -> Estimator:
    return Lazy(len(steps), list(steps), rest=rest, listen=listen)


def _said(steps: tuple[int, ...]) -> str:
    return "steps " + ", ".join(map(str, steps))
