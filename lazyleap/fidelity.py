"""How far each estimator's meta-gradient is from the exact one, and what it costs: before a sweep.

An estimator that points as the exact gradient does, at a fraction of its time, is worth training
with; one that does not shows it here within seconds. Bias is all that is measured: how much of it
a training bears, only training tells.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lazyleap.bilevel import Bilevel, Task
from lazyleap.errors import InputError
from lazyleap.estimators import Estimator, Exact, FirstOrder, Lazy
from lazyleap.estimators.base import horizon
from lazyleap.estimators.listening import Listen
from lazyleap.estimators.secants import LEAST
from lazyleap.noted import MIN_FACTOR, REFERENCE
from lazyleap.statistics import interval
from lazyleap.trees import Tree, dot, norm


class Fidelity(NamedTuple):
    """One estimator beside the exact gradient; means over tasks, with 95% t-intervals over these.

    Attributes:
        estimator: its name, in words.
        cosine, low, high: of its gradient and the exact one of the same task; -1..1.
        ratio: of their lengths.
        cpu_ms: median CPU milliseconds a task.
        min_factor: the smallest factor of an inner step over all tasks; None where nobody looks.
        refused: why it does not go with the problem; everything else is then None.
    """

    estimator: str
    cosine: float | None = None
    low: float | None = None
    high: float | None = None
    ratio: float | None = None
    cpu_ms: float | None = None
    min_factor: float | None = None
    refused: str = ""


class _Each(NamedTuple):
    """One estimator's gradients task by task, what each took in CPU seconds, and least factors."""

    grads: list[Tree]
    seconds: list[float]
    least: list[float]


def candidates(steps: int, listen: Listen = "end") -> dict[str, Estimator]:
    """What is compared with the exact gradient over so many inner steps, by name."""
    start = Lazy(placement="start", listen=listen)
    lazy = {"one leap, start": start, "one leap, end": replace(start, placement="end")}
    lazy |= {f"{m} leaps": replace(start, leaps=m) for m in (2, 3) if m < steps}
    if steps > 3:
        lazy["first 3 steps"] = replace(start, leaps=3, placement=(0, 1, 2))
    with_rest = {
        f"{name}, {rest.replace('_', ' ')}": replace(lazy[name], rest=rest)
        for rest in LEAST
        for name in ("one leap, start", "3 leaps", "first 3 steps")
        if name in lazy
    }
    return {"first order": FirstOrder(listen=listen), **lazy, **with_rest}


def compare(
    problem: Bilevel, theta: Tree, tasks: Sequence[Task], listen: Listen = "end"
) -> list[Fidelity]:
    """Each candidate beside the exact gradient at ``theta``, which comes first.

    ``listen`` is that of all of them, the exact one included: what is compared is one outer loss.

    Cost: of every task, one exact gradient and one of each candidate.

    Raises:
        InputError: if there is no task, or the exact gradient of one is zero or not finite.
    """
    beside = Beside(problem, theta, tasks, listen)
    found = [beside.exact]
    for name, estimator in candidates(horizon(tasks), listen).items():
        try:
            found.append(beside.look(name, estimator))
        except InputError as error:
            found.append(Fidelity(name, refused=str(error)))
    return found


class Beside:
    """The exact gradient of each task at ``theta``, for others to be held against.

    Cost: that gradient, once.

    Raises:
        InputError: if there is no task, or the exact gradient of one is zero or not finite.
    """

    def __init__(
        self, problem: Bilevel, theta: Tree, tasks: Sequence[Task], listen: Listen = "end"
    ) -> None:
        self._posed = problem, theta, tasks
        self._exact = _each(Exact(listen=listen), *self._posed)
        lengths = [float(norm(grad)) for grad in self._exact.grads]
        if not all(0 < length < np.inf for length in lengths):
            raise InputError(
                "the exact meta-gradient of a task is zero or not finite: nothing compares with it"
            )

    @property
    def exact(self) -> Fidelity:
        """The exact gradient beside itself, with what it costs."""
        return _beside(REFERENCE, self._exact, self._exact)

    def look(self, name: str, estimator: Estimator) -> Fidelity:
        """Another's, of the same tasks; InputError if it does not go with the problem."""
        return _beside(name, _each(estimator, *self._posed), self._exact)


def _each(estimator: Estimator, problem: Bilevel, theta: Tree, tasks: Sequence[Task]) -> _Each:
    found = _Each([], [], [])
    for task in tasks:
        began = time.process_time()
        meta = estimator(problem, theta, [task])
        found.seconds.append(time.process_time() - began)
        found.grads.append(meta.grad)
        found.least.extend(float(v) for tag, v in meta.noted.items() if tag == MIN_FACTOR)
    return found


def _beside(name: str, ours: _Each, exact: _Each) -> Fidelity:
    pairs = list(zip(ours.grads, exact.grads, strict=True))
    lengths = [(float(norm(a)), float(norm(b))) for a, b in pairs]
    cosines = np.array(
        [
            float(dot(b, a)) / (p * q) if p else 0.0
            for (a, b), (p, q) in zip(pairs, lengths, strict=True)
        ]
    )
    score = interval(cosines)
    return Fidelity(
        name,
        cosine=score["value"],
        low=_known(score["low"]),
        high=_known(score["high"]),
        ratio=float(np.mean([p / q for p, q in lengths])),
        cpu_ms=1000 * float(np.median(ours.seconds)),
        min_factor=min(ours.least, default=None),
    )


def _known(end: float) -> float | None:
    return None if np.isnan(end) else min(1.0, max(-1.0, end))
