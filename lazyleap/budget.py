"""How many meta-iterations a CPU budget buys: from the seconds of a few, as the loop counts them.

Settings are compared at equal compute, and runs must not depend on the clock. So the clock is read
once, here, and what it says goes into params.yaml as a number of meta-iterations.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, pairwise
from typing import Any

from lazyleap.blocks import Empty
from lazyleap.errors import InputError
from lazyleap.setting import Setting
from lazyleap.training.loop import Learner, Plan, Progress, timed_step


@dataclass
class Timing:
    """CPU seconds of an iteration of one setting, measured in rounds.

    ``plan``: what the loop would do; its ``iterations`` say where in a training an iteration is.
    ``bounds``: fractions of it at which what an iteration costs changes, as where a horizon grows.
    :func:`in_turns` takes the rounds of several settings, so that other work hits all alike.
    """

    learner: Learner
    plan: Plan
    rounds: list[float] = field(default_factory=list)
    bounds: Sequence[float] = ()

    def measure(self, seconds: float) -> None:
        """One more round, of ``seconds`` at least for each part of a training between ``bounds``.

        A part counts by its length; its first iteration warms up and is left out.

        Raises:
            DivergedError: if an iteration is not finite.
        """
        parts = pairwise((0.0, *self.bounds, 1.0))
        found = [(end - start) * self._part(start, end, seconds) for start, end in parts]
        self.rounds.append(math.fsum(found))

    def _part(self, start: float, end: float, seconds: float) -> float:
        """CPU seconds of an iteration of one part, those of its second half over and over."""
        middle, last = (int(self.plan.iterations * at) for at in ((start + end) / 2, end))
        these = cycle(range(middle, max(last, middle + 1)))
        self._step(next(these), describe=True)
        begun, plain = time.process_time(), list[float]()
        while not plain or time.process_time() - begun < seconds:
            plain.append(self._step(next(these), describe=False))
        described = self._step(next(these), describe=True)
        mean = statistics.fmean(plain)
        return mean + (described - mean) / self.plan.log_every

    def _step(self, iteration: int, *, describe: bool) -> float:
        progress = Progress(iteration)
        timed_step(self.learner, self.plan, progress, describe)
        return progress.cpu_seconds


def in_turns(timings: Sequence[Timing], rounds: int, seconds: float) -> list[float]:
    """CPU seconds of an iteration of each, as :func:`quiet` makes them of so many rounds.

    Raises:
        DivergedError: if an iteration is not finite.
    """
    for _ in range(rounds):
        for one in timings:
            one.measure(seconds)
    return quiet([one.rounds for one in timings])


def quiet(rounds: Sequence[Sequence[float]]) -> list[float]:
    """What each setting takes on a machine without other work, of its times in the same rounds.

    Other work slows a whole round down. A round's slowness is the median, over settings, of its
    time to the setting's least; the median over rounds of the times without it counts. So one
    setting gets its least time, and of several none has the luck of its own best round.
    """
    slow = [
        statistics.median(one / min(setting) for one, setting in zip(those, rounds, strict=True))
        for those in zip(*rounds, strict=True)
    ]
    return [
        statistics.median(one / by for one, by in zip(setting, slow, strict=True))
        for setting in rounds
    ]


def affordable(cpu_seconds: float, seconds: float) -> int:
    """The iterations of ``seconds`` each that ``cpu_seconds`` are enough for.

    Raises:
        InputError: if not for one.
    """
    found = math.floor(cpu_seconds / seconds)
    if found < 1:
        raise InputError(f"{cpu_seconds:g} CPU seconds: one meta-iteration takes {seconds:.3g}")
    return found


def alike(settings: Sequence[Setting]) -> list[list[Setting]]:
    """Settings in groups that cost the same: they differ in seed, budget, rates and weights alone.

    Rates and weights are the options that are no whole numbers; counts, words and tasks tell apart.
    """
    groups: list[tuple[Any, list[Setting]]] = []
    for setting in settings:
        core = _core(setting)
        for known, group in groups:
            if known == core:
                group.append(setting)
                break
        else:
            groups.append((core, [setting]))
    return [group for _, group in groups]


def _core(setting: Setting) -> Any:
    blocks = (setting.algorithm_options, setting.estimator_options)
    options = [_without_floats(block.model_dump()) for block in blocks]
    plain = replace(
        setting, name="", seed=0, meta_iterations=0, algorithm="", estimator="", overrides={},
        task=None, algorithm_options=None, estimator_options=Empty(),
    )  # fmt: skip
    return plain, options


def _without_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_floats(part) for key, part in value.items()}
    return "a number" if isinstance(value, float) else value


def trained(setting: Setting) -> bool:
    """Whether it has a budget: not where nothing is trained, as of an untrained control."""
    return setting.meta_iterations > 0
