"""Who wins, computed: at equal meta-iterations, at equal CPU time, at equal test-time steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stages.reporting.compare import Budget, Group, Standing, beaten_by, budgets, grouped, standings
from stages.reporting.inputs import Finished


@dataclass(frozen=True)
class Field:
    """The settings of a task that had the same number of meta-iterations, best first."""

    meta_iterations: int
    standings: tuple[Standing, ...]

    def of(self, verdict: str) -> list[Standing]:
        """Those with a verdict: best, tie or behind."""
        return [standing for standing in self.standings if standing.verdict == verdict]


@dataclass(frozen=True)
class Verdict:
    """All that is said of who wins in one task."""

    fields: tuple[Field, ...]
    budgets: tuple[Budget, ...]
    beaten: dict[str, Group | None]
    same_steps: tuple[tuple[str, tuple[Standing, ...]], ...]

    @property
    def outpriced(self) -> list[str]:
        """Settings that one of the same price or cheaper clearly beats."""
        return [label for label, rival in self.beaten.items() if rival is not None]

    @property
    def bargain(self) -> Group | None:
        """The cheapest that ties with the best of all budgets; None if the best has no tie."""
        last = self.budgets[-1]
        cheapest = min((last.best, *last.ties), key=lambda group: group.cpu_seconds)
        return None if cheapest is last.best else cheapest


def judge(runs: Sequence[Finished], higher: bool) -> Verdict:
    """The verdict over one task's finished runs (at least one)."""
    groups = grouped(runs)
    counts = sorted({group.first.record.meta_iterations for group in groups})
    fields = [Field(n, tuple(standings(_with(groups, n), higher))) for n in counts]
    beaten = {group.label: beaten_by(group, groups, higher) for group in groups}
    return Verdict(
        tuple(fields), tuple(budgets(groups, higher)), beaten, _same_steps(runs, counts, higher)
    )


def _with(groups: Sequence[Group], meta_iterations: int) -> list[Group]:
    return [g for g in groups if g.first.record.meta_iterations == meta_iterations]


def _same_steps(
    runs: Sequence[Finished], counts: Sequence[int], higher: bool
) -> tuple[tuple[str, tuple[Standing, ...]], ...]:
    """Standings under each metric that all runs have, where all had the same meta-iterations."""
    if len(counts) != 1 or len({run.metrics.primary for run in runs}) == 1:
        return ()  # the headline table says it already, or it would compare unequal budgets
    shared = [
        name for name in runs[0].metrics.metrics if all(name in run.metrics.metrics for run in runs)
    ]
    return tuple((name, tuple(standings(grouped(runs, name), higher))) for name in shared)


def caveats(runs: Sequence[Finished], sample: str = "episodes") -> list[str]:
    """What a reader must know before believing a difference; only what applies.

    ``sample``: what the intervals of a single run are over, episodes or images of the test.
    """
    said = [_seed_caveat(runs, sample)]
    if len({(str(run.record.hardware), run.record.device) for run in runs}) > 1:
        said.append("The settings ran on different machines: their CPU times do not compare.")
    if any(run.record.device != "cpu" for run in runs):
        said.append("CPU seconds leave out what an accelerator did.")
    if dirty := [run.name for run in runs if run.record.dirty]:
        said.append(f"Trained from a working tree with uncommitted changes: {', '.join(dirty)}.")
    if resumed := [run.name for run in runs if run.record.resumed]:
        said.append(f"Interrupted and resumed: {', '.join(resumed)}.")
    return said


def _seed_caveat(runs: Sequence[Finished], sample: str) -> str:
    counts = {len(group.runs) for group in grouped(runs)}
    if max(counts) == 1:
        return (
            f"One seed a setting: the intervals cover the choice of test {sample}, not the luck "
            "of training. Small differences may turn with another seed."
        )
    few = "" if min(counts) > 1 else " Settings with a single seed have the first part only."
    return (
        f"Intervals of settings with several seeds add the variance over test {sample} and the "
        f"t-interval over seeds (wide for two or three seeds).{few}"
    )
