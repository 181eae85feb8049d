"""Who is better, said with its uncertainty: seeds taken together, ties called ties."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from stages.reporting import naming
from stages.reporting.inputs import Finished

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Group:
    """Runs that differ by seed alone, under one metric.

    ``value`` is the mean over seeds, ``ci95`` the root mean square of the runs' own intervals
    (test episodes or images), ``spread`` the half-width of the t-interval over seeds (None for one
    seed).
    """

    runs: tuple[Finished, ...]
    metric: str
    value: float
    ci95: float
    spread: float | None
    cpu_seconds: float
    memory_mib: float

    @property
    def half(self) -> float:
        """Half-width used in comparisons: test sample and seeds, their variances added."""
        return math.hypot(self.ci95, self.spread or 0.0)

    @property
    def alone(self) -> list[Group]:
        """Each run as a group of its own, if there are several."""
        return [_group((run,), self.metric) for run in self.runs] if len(self.runs) > 1 else []

    def under(self, metric: str) -> Group | None:
        """The same runs judged by another metric; None if one of them has not got it."""
        known = all(metric in run.metrics.metrics for run in self.runs)
        return _group(self.runs, metric) if known else None

    @property
    def first(self) -> Finished:
        """The run that stands for what all have in common."""
        return self.runs[0]

    @property
    def label(self) -> str:
        """The setting's name, without seed."""
        return naming.label(self.first.setting)


@dataclass(frozen=True)
class Standing:
    """A group against the best of its field: ``gap`` <= 0 is how far behind, +- ``half``."""

    group: Group
    gap: float
    half: float
    verdict: str


@dataclass(frozen=True)
class Budget:
    """From ``cpu_seconds`` on, ``best`` is the best affordable; ``ties`` cannot be told from it."""

    cpu_seconds: float
    best: Group
    ties: tuple[Group, ...]


def grouped(runs: Sequence[Finished], metric: str | None = None) -> list[Group]:
    """Groups in the order of their first runs, under ``metric`` or under each run's primary one."""
    members: dict[tuple[str, str, str], list[Finished]] = {}
    for run in runs:
        key = (run.setting.task_name, naming.label(run.setting), metric or run.metrics.primary)
        members.setdefault(key, []).append(run)
    return [_group(tuple(same), key[2]) for key, same in members.items()]


def _group(runs: tuple[Finished, ...], metric: str) -> Group:
    scores = [run.metrics.metrics[metric] for run in runs]
    return Group(
        runs,
        metric,
        _mean([score.value for score in scores]),
        math.sqrt(_mean([score.ci95**2 for score in scores])),
        t_half_width([score.value for score in scores]),
        _mean([run.record.train_cpu_seconds for run in runs]),
        _mean([run.record.peak_memory_mib for run in runs]),
    )


def t_half_width(values: Sequence[float]) -> float | None:
    """Half-width of the 95% t-interval of a mean; None for fewer than two values."""
    if len(values) < 2:
        return None
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)
    return float(quantile * stats.sem(values))


def clearly_better(a: Group, b: Group, higher: bool = True) -> bool:
    """Whether a beats b by more than the 95% interval of their difference (variances added)."""
    gap = a.value - b.value if higher else b.value - a.value
    return gap > math.hypot(a.half, b.half)


def standings(groups: Sequence[Group], higher: bool = True) -> list[Standing]:
    """All groups, best first, each against the best."""
    ranked = sorted(groups, key=lambda g: -g.value if higher else g.value)
    return [_standing(ranked[0], group, higher) for group in ranked]


def _standing(best: Group, group: Group, higher: bool) -> Standing:
    if group is best:
        return Standing(group, 0.0, 0.0, "best")
    gap = group.value - best.value if higher else best.value - group.value
    verdict = "behind" if clearly_better(best, group, higher) else "tie"
    return Standing(group, gap, math.hypot(best.half, group.half), verdict)


def budgets(groups: Sequence[Group], higher: bool = True) -> list[Budget]:
    """The best setting for each CPU budget: one entry wherever a dearer setting takes the lead."""
    steps: list[Budget] = []
    for group in sorted(groups, key=lambda g: g.cpu_seconds):
        affordable = [g for g in groups if g.cpu_seconds <= group.cpu_seconds]
        field = standings(affordable, higher)
        if not steps or field[0].group is not steps[-1].best:
            ties = tuple(s.group for s in field if s.verdict == "tie")
            steps.append(Budget(field[0].group.cpu_seconds, field[0].group, ties))
    return steps


def beaten_by(group: Group, groups: Sequence[Group], higher: bool = True) -> Group | None:
    """The best of the groups that cost no more CPU time and are clearly better; None if none is."""
    rivals = [
        g for g in groups if g.cpu_seconds <= group.cpu_seconds and clearly_better(g, group, higher)
    ]
    return standings(rivals, higher)[0].group if rivals else None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
