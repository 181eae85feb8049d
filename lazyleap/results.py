"""Finished runs as a report sees them: scores with their intervals, seeds taken together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lazyleap.items import Items
from lazyleap.statistics import interval


@dataclass(frozen=True)
class Score:
    """A value and the ends of its 95% interval, over ``n`` items or seeds; fractions of 1.

    ``chance``: the words for a score that is no better than chance; ``signed``: a difference.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    chance: str = ""
    signed: bool = False


AT_CHANCE = "at chance"


@dataclass(frozen=True)
class Run:
    """One finished run: what its files say.

    ``label`` names its setting without the seed, ``series`` without the horizon either;
    ``options`` is what else it sets against its task, algorithm and estimator. ``curve``: rows of
    curve.csv. ``items``: what came of each test item, if stored. ``folder``: where its evaluation
    lies. ``scalars``: the last value of each TensorBoard tag with a prefix.
    """

    name: str
    label: str
    series: str
    algorithm: str
    estimator: str
    horizon: int
    options: str
    seed: int
    metrics: Mapping[str, Any]
    record: Mapping[str, Any]
    curve: Sequence[Mapping[str, str]]
    items: Items | None
    folder: Path
    scalars: Callable[[str], Mapping[str, float]]

    @property
    def machine(self) -> str:
        """What its times are of: the processor or GPU, and what torch's kernels use of it."""
        said = (self.record.get(key) for key in ("hardware", "instruction_set", "device"))
        return ", ".join(str(word) for word in said if word)

    def score(self, metric: str) -> Score | None:
        """A metric of metrics.json; ``{horizon}`` in its name stands for the run's own."""
        found = self.metrics["metrics"].get(metric.format(horizon=self.horizon))
        if found is None:
            alone = self.metrics.get(metric)
            return Score(float(alone)) if isinstance(alone, int | float) else None
        value, half = float(found["value"]), float(found.get("ci95", math.nan))
        low, high = found.get("low", value - half), found.get("high", value + half)
        chance = AT_CHANCE if found.get("at_chance") else ""
        if not math.isfinite(low) or not math.isfinite(high):
            return Score(value, n=found.get("n"), chance=chance)
        return Score(value, low, high, found.get("n"), chance)


@dataclass(frozen=True)
class Group:
    """A setting: the runs that differ by seed alone."""

    runs: tuple[Run, ...]

    @property
    def first(self) -> Run:
        """The run that stands for what all have in common."""
        return self.runs[0]

    @property
    def label(self) -> str:
        """The setting's name."""
        return self.first.label

    def score(self, metric: str) -> Score | None:
        """The mean over seeds with its t-interval; of one seed the run's own score."""
        scores = [score for run in self.runs if (score := run.score(metric)) is not None]
        if len(scores) < len(self.runs):
            return None
        if len(scores) == 1:
            return scores[0]
        mean, count = interval(np.array([score.value for score in scores])), len(scores)
        by_chance = sum(bool(score.chance) for score in scores)
        chance = f"{by_chance} of {count} seeds {AT_CHANCE}" if by_chance else ""
        return Score(mean["value"], mean["low"], mean["high"], count, chance)

    @property
    def named(self) -> dict[str, str | float | int | None]:
        """What a row of a chart says of it."""
        return {
            "setting": self.label,
            "series": self.first.series,
            "horizon": self.first.horizon,
        }

    def curve(self, column: str) -> dict[int, float]:
        """A column of curve.csv by step, the mean over seeds, of steps that all of them have."""
        each = [{int(row["step"]): float(row[column]) for row in run.curve} for run in self.runs]
        steps = sorted(set(each[0]).intersection(*each[1:]))
        return {step: math.fsum(one[step] for one in each) / len(each) for step in steps}

    def recorded(self, key: str) -> float:
        """The mean over seeds of a number of record.json."""
        return math.fsum(float(run.record[key]) for run in self.runs) / len(self.runs)


def one_machine(groups: Iterable[Group]) -> bool:
    """Whether their times compare: all runs were trained on machines of one kind."""
    return len({run.machine for group in groups for run in group.runs}) <= 1


Value = TypeVar("Value")


def unique(values: Iterable[Value]) -> list[Value]:
    """Without repetitions, in order."""
    return list(dict.fromkeys(values))
