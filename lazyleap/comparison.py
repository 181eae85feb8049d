"""Settings compared in pairs, over seeds and on the same test items: who is better, how surely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from lazyleap.errors import InputError
from lazyleap.items import Items
from lazyleap.statistics import LEVEL, Numbers, Spread, holm, spread

EQUAL = 0.1  # two budgets are equal if they differ by no more than this share of the larger
LEAST = 1e-12  # no p-value is said to be smaller

Outcome = Literal["better", "worse", "undecided"]


@dataclass(frozen=True)
class Run:
    """One finished run of a setting: its seed, its test items and what its training cost.

    ``machine``: the kind of it that the time is of.
    """

    seed: int
    items: Items
    cpu_seconds: float
    machine: str = ""


@dataclass(frozen=True)
class Candidate:
    """A setting under one name, with its runs, one a seed."""

    name: str
    runs: tuple[Run, ...]

    @property
    def cpu_seconds(self) -> float:
        """Mean over the seeds."""
        return math.fsum(run.cpu_seconds for run in self.runs) / len(self.runs)


@dataclass(frozen=True)
class Comparison:
    """``first`` minus ``second`` under one metric, in its unit.

    Attributes:
        difference: mean over the seeds that both have of the mean over test items.
        low: where its 95% interval begins, not adjusted for other comparisons. With several seeds
            it is that of ``difference`` for other seeds *and* other test items; with one seed it is
            for other test items alone, of these two trained models.
        high: where it ends. Both NaN if there is no spread to judge by.
        seeds: how many both have: the pairs that the t-interval is over.
        items: how many test items.
        clusters: how many classes (of attacks: images) the items were made of, if the interval
            allows for their being a sample; else None.
        p: two-sided p-value that fits the interval; 1 with fewer than two seeds.
        adjusted: the same after Holm's correction for all comparisons of one call.
        verdict: of ``first``; ``better`` or ``worse`` only if ``adjusted`` is at most 0.05.
        cpu_seconds: of training, mean over seeds, of both.
        one_machine: whether all of it was on machines of one kind; else the times do not compare.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    seeds: int
    items: int
    clusters: int | None
    p: float
    adjusted: float
    verdict: Outcome
    cpu_seconds: tuple[float, float]
    one_machine: bool

    @property
    def equal_compute(self) -> bool | None:
        """Whether both trained for the same CPU time, within a tenth of the larger.

        None: not to be told from times of machines of several kinds.
        """
        if not self.one_machine:
            return None
        return max(self.cpu_seconds) - min(self.cpu_seconds) <= EQUAL * max(self.cpu_seconds)


def compare(
    candidates: Sequence[Candidate],
    metric: str,
    *,
    higher: bool,
    against: str | None = None,
) -> list[Comparison]:
    """Compare settings of one task on the same test items.

    Args:
        candidates: the settings, each with a run a seed.
        metric: a column of all their items; of few-shot tasks ``accuracy`` (at the common step
            that validation chose) or ``accuracy@S``, of long tails ``balanced_error`` or
            ``error``, of attacks ``queries_mean_all`` or ``success``.
        higher: whether more of it is better.
        against: every other setting against this one, e.g. the control; None: every pair.

    The seed is the unit: differences are taken seed by seed, item by item. The half width is the
    root of the sum of two squares: that of the t-interval over seeds, and that over test items
    (:func:`lazyleap.statistics.spread`) of the mean over seeds. It is thus never narrower than the
    t-interval over seeds, and few test classes make it wide. With one seed nothing is decided.
    Holm's correction is for all comparisons of the call.

    Raises:
        InputError: a setting without a run, with a seed twice, without the metric, or with other
            test items than the others; two settings without a seed in common; ``against`` unknown.
    """
    _check(candidates, metric)
    by_name = {one.name: one for one in candidates}
    if against is None:
        pairs = list(combinations(candidates, 2))
    elif against in by_name:
        pairs = [(one, by_name[against]) for one in candidates if one.name != against]
    else:
        raise InputError(f"comparison: no setting '{against}'")
    found = [_pair(first, second, metric) for first, second in pairs]
    adjusted = holm([one.p for one in found])
    return [_judged(one, p, higher) for one, p in zip(found, adjusted, strict=True)]


def _pair(first: Candidate, second: Candidate, metric: str) -> Comparison:
    differences, items = _differences(first, second, metric)
    each = differences.mean(1)
    over_items = spread(differences.mean(0), items.clusters, items.strata)
    over_seeds = (
        Spread(float(stats.sem(each)), len(each) - 1) if len(each) > 1 else Spread(0.0, 1.0)
    )
    parts = (over_seeds, over_items)
    difference, half = float(each.mean()), _half(parts, LEVEL) or math.nan
    return Comparison(
        first.name,
        second.name,
        difference,
        difference - half,
        difference + half,
        len(each),
        len(items),
        over_items.clusters,
        _p(parts, abs(difference)) if math.isfinite(half) and len(each) > 1 else 1.0,
        1.0,
        "undecided",
        (first.cpu_seconds, second.cpu_seconds),
        len({run.machine for one in (first, second) for run in one.runs}) == 1,
    )


def _differences(first: Candidate, second: Candidate, metric: str) -> tuple[Numbers, Items]:
    """Of the common seeds, item by item, ``[S, N]``; and the items."""
    ours, theirs = ({run.seed: run.items for run in one.runs} for one in (first, second))
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        raise InputError(f"comparison: '{first.name}' and '{second.name}' have no seed in common")
    rows = [ours[seed].values[metric] - theirs[seed].values[metric] for seed in seeds]
    return np.stack(rows), ours[seeds[0]]


def _half(parts: Sequence[Spread], level: float) -> float:
    return math.hypot(*(part.half(level) for part in parts))


def _p(parts: Sequence[Spread], gap: float) -> float:
    """One minus the level at which the interval just reaches 0."""
    if gap == 0:
        return 1.0
    if _half(parts, 1 - LEAST) <= gap:
        return LEAST
    found = brentq(lambda level: _half(parts, level) - gap, 0.0, 1 - LEAST, xtol=1e-15)
    return float(1 - found)


def _judged(one: Comparison, adjusted: float, higher: bool) -> Comparison:
    if adjusted > 1 - LEVEL:
        return replace(one, adjusted=adjusted)
    verdict: Outcome = "better" if (one.difference > 0) == higher else "worse"
    return replace(one, adjusted=adjusted, verdict=verdict)


def _check(candidates: Sequence[Candidate], metric: str) -> None:
    first = None
    for one in candidates:
        seeds = [run.seed for run in one.runs]
        if not seeds or len(set(seeds)) < len(seeds):
            raise InputError(f"comparison: '{one.name}' has runs of seeds {seeds}")
        for run in one.runs:
            if metric not in run.items.values:
                known = ", ".join(run.items.values)
                raise InputError(f"comparison: '{one.name}' has no {metric}, only {known}")
            first = first or run.items
            if not _same(first, run.items):
                raise InputError(f"comparison: '{one.name}' was tested on other items")


def _same(one: Items, other: Items) -> bool:
    """Whether both are of the same test items, as far as what they share tells."""
    shared = [(one.clusters, other.clusters), (one.strata, other.strata)]
    return len(one) == len(other) and all(
        a is b if a is None or b is None else np.array_equal(a, b) for a, b in shared
    )
