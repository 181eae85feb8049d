"""Lazy against greedy: the same weighting with a horizon of several steps and of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stages.reporting.compare import Group, t_half_width
from stages.reporting.tables import percent, seconds


@dataclass(frozen=True)
class Duel:
    """``gap`` is lazy's error minus greedy's, ``half`` the half-width of its 95% interval.

    ``each``: the differences of single seeds that both were trained with, none if no seed is
    shared. ``half`` adds the variances of both test intervals, as if the images were others for
    each (they are the same, so it is on the wide side), and of the t-interval over ``each``.
    """

    lazy: Group
    greedy: Group
    gap: float
    half: float
    each: tuple[float, ...]

    @property
    def verdict(self) -> str:
        """Who is better, or that it cannot be said."""
        beyond = 100 * (abs(self.gap) - self.half)
        if beyond <= 0:
            return "cannot be told apart"
        winner = "lazy" if self.gap < 0 else "greedy"
        points = 100 * abs(self.gap)
        return f"{winner} is better by {points:.1f} points, {beyond:.1f} beyond the interval"

    @property
    def sentence(self) -> str:
        """The duel in words."""
        return (
            f"{self.lazy.label}: error {percent(self.lazy.value, self.lazy.half)}; greedy "
            f"({self.greedy.label}) {percent(self.greedy.value, self.greedy.half)}. Difference "
            f"{self.difference} points {self._over()}: {self.verdict}. CPU time "
            f"{seconds(self.lazy.cpu_seconds)} against {seconds(self.greedy.cpu_seconds)}."
        )

    @property
    def difference(self) -> str:
        """In percentage points."""
        return f"{_signed(self.gap)} ± {100 * self.half:.1f}"

    def _over(self) -> str:
        if not self.each:
            return "(no seed in common: means compared)"
        listed = ", ".join(map(_signed, self.each))
        several = len(self.each) > 1
        return f"over {len(self.each)} paired seed{'s' if several else ''}" + (
            f" ({listed})" if several else ""
        )


def duels(groups: Sequence[Group]) -> list[Duel]:
    """Each lazy weighting of several steps against its algorithm's greedy one, where both are."""
    found = []
    for lazy in groups:
        setting = lazy.first.setting
        rivals = [g for g in groups if _greedy_twin(g, lazy)]
        if setting.estimator == "lazy" and setting.horizon > 1 and rivals:
            found.append(_duel(lazy, rivals[0]))
    return found


def summary(found: Sequence[Duel]) -> str:
    """All duels in one sentence; empty for none."""
    if not found:
        return ""
    lazy = sum(d.gap < -d.half for d in found)
    greedy = sum(d.gap > d.half for d in found)
    tied = len(found) - lazy - greedy
    return (
        f"Lazy against greedy, at equal training steps: of {len(found)} comparisons lazy is better "
        f"beyond the 95% interval of the difference in {lazy}, greedy in {greedy}; "
        f"{tied} cannot be told apart."
    )


def _greedy_twin(group: Group, lazy: Group) -> bool:
    one, other = group.first.setting, lazy.first.setting
    return one.horizon == 1 and (one.algorithm, one.inner_lr, one.meta_iterations) == (
        other.algorithm,
        other.inner_lr,
        other.meta_iterations,
    )


def _duel(lazy: Group, greedy: Group) -> Duel:
    return Duel(lazy, greedy, *difference(lazy, greedy))


def difference(one: Group, other: Group) -> tuple[float, float, tuple[float, ...]]:
    """One's value minus the other's, the half-width of its 95% interval, and that of each seed.

    Over the seeds that both have; without any the means are compared, and ``each`` is empty.
    """
    ours, theirs = (
        {run.setting.seed: run.metrics.metrics[g.metric] for run in g.runs} for g in (one, other)
    )
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return one.value - other.value, math.hypot(one.half, other.half), ()
    each = tuple(ours[s].value - theirs[s].value for s in seeds)
    images = [ours[s].ci95 ** 2 + theirs[s].ci95 ** 2 for s in seeds]
    half = math.hypot(math.sqrt(sum(images) / len(seeds)), t_half_width(each) or 0.0)
    return math.fsum(each) / len(each), half, each


def _signed(value: float) -> str:
    """A difference of fractions in percentage points."""
    points = round(100 * value, 1)
    return f"{'−' if points < 0 else '+' if points > 0 else ''}{abs(points):.1f}"
