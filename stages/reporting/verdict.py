"""Who wins, and how sure that is: differences item by item and seed by seed, at equal compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from lazyleap import results
from lazyleap.comparison import EQUAL, Candidate, Comparison, Run, compare
from lazyleap.errors import InputError
from lazyleap.items import Items
from lazyleap.report import Measure
from lazyleap.results import Group, Score, one_machine
from lazyleap.statistics import LEVEL, holm
from stages.reporting.wording import capital, listed, plural, said

Word = Literal["best", "behind", "undecided", "not compared"]


@dataclass(frozen=True)
class Standing:
    """A setting against the best of its field; ``against`` is its own minus the best's value."""

    group: Group
    score: Score
    against: Comparison | None
    word: Word


@dataclass(frozen=True)
class Budget:
    """From ``cpu_seconds`` of training on, the field of those that cost no more, best first."""

    cpu_seconds: float
    field: tuple[Standing, ...]


@dataclass(frozen=True)
class Verdict:
    """All that is said of one measure; empty ``field``: no setting has it, or no way is better."""

    measure: Measure
    field: tuple[Standing, ...]
    budgets: tuple[Budget, ...]
    pairs: tuple[Comparison, ...]

    @property
    def comparisons(self) -> list[Comparison]:
        """Those with the best of all."""
        return [s.against for s in self.field if s.against is not None]


def judge(groups: Sequence[Group], measure: Measure) -> Verdict:
    """The verdict over one task's settings under one measure."""
    if measure.higher is None:
        return Verdict(measure, (), (), ())
    pairs = family(list(combinations(groups, 2)), measure)
    return Verdict(measure, standings(groups, measure), budgets(groups, measure), tuple(pairs))


def standings(groups: Sequence[Group], measure: Measure) -> tuple[Standing, ...]:
    """Those that have the measure, best first, each against the best."""
    scored = [(g, s) for g in groups if (s := measure.of(g)) is not None]
    scored.sort(key=lambda pair: -pair[1].value if measure.higher else pair[1].value)
    best = scored[0][0] if scored else None
    found = family([(g, best) for g, _ in scored[1:] if best], measure)
    against = {one.first: one for one in found}
    return tuple(
        Standing(g, s, against.get(g.label), _word(g is best, against.get(g.label)))
        for g, s in scored
    )


def _word(best: bool, against: Comparison | None) -> Word:
    if best:
        return "best"
    if against is None:
        return "not compared"
    return "behind" if against.verdict == "worse" else "undecided"


def budgets(groups: Sequence[Group], measure: Measure) -> tuple[Budget, ...]:
    """One entry wherever a costlier setting takes the lead; costs within a tenth are equal.

    None where times do not compare.
    """
    found: list[Budget] = []
    if not one_machine(groups):
        return ()
    for seconds in sorted({g.recorded("train_cpu_seconds") for g in groups}):
        field = standings([g for g in groups if _costs(g, seconds)], measure)
        if field and (not found or field[0].group is not found[-1].field[0].group):
            found.append(Budget(seconds, field))
    return tuple(found)


def _costs(group: Group, seconds: float) -> bool:
    """Whether it trained for no more than so long, within what counts as equal."""
    return group.recorded("train_cpu_seconds") * (1 - EQUAL) <= seconds


def family(pairs: Sequence[tuple[Group, Group]], measure: Measure) -> list[Comparison]:
    """Comparisons that are corrected together (Holm); pairs that share no item are left out."""
    found = [one for a, b in pairs if (one := _pair(a, b, measure)) is not None]
    adjusted = holm([one.p for one in found])
    return [_judged(one, p, measure) for one, p in zip(found, adjusted, strict=True)]


def _pair(one: Group, other: Group, measure: Measure) -> Comparison | None:
    candidates = [_candidate(group, measure) for group in (one, other)]
    tested = {run.metrics.get("test_digest") for group in (one, other) for run in group.runs}
    if not all(c.runs for c in candidates) or measure.higher is None or len(tested) > 1:
        return None
    try:
        found = compare(
            candidates, measure.metric, higher=measure.higher, against=candidates[1].name
        )
    except InputError:  # no seed in common, or other test items: nothing to compare
        return None
    return found[0]


def _candidate(group: Group, measure: Measure) -> Candidate:
    runs = [r for r in group.runs if r.items is not None and measure.metric in r.items.values]
    return Candidate(group.label, tuple(_run(r, r.items) for r in runs if r.items))


def _run(one: results.Run, items: Items) -> Run:
    return Run(one.seed, items, float(one.record["train_cpu_seconds"]), one.machine)


def _judged(one: Comparison, adjusted: float, measure: Measure) -> Comparison:
    better = (one.difference > 0) == measure.higher
    decided: Literal["better", "worse"] = "better" if better else "worse"
    return replace(
        one, adjusted=adjusted, verdict=decided if adjusted <= 1 - LEVEL else "undecided"
    )


def lead(verdict: Verdict) -> str:
    """Who is best under the measure, and which others differ from it."""
    measure, field = verdict.measure, verdict.field
    if not field:
        return f"{capital(measure.title)}: not ranked: no file says which way is better."
    best = field[0]
    head = f"{capital(measure.title)}: {best.group.label}, {full(best, measure)}"
    if len(field) == 1:
        return f"{head}; one setting alone."
    return f"{head}, the best of {len(field)}. {_told(field)}"


def full(standing: Standing, measure: Measure) -> str:
    """A setting's score, and what must stand beside it."""
    words, beside = said(standing.score, measure), measure.beside
    score = beside.of(standing.group) if beside else None
    return f"{words}, {beside.title} {said(score, beside)}" if beside and score else words


def _told(field: Sequence[Standing]) -> str:
    named = {
        word: [s.group.label for s in field if s.word == word]
        for word in ("behind", "undecided", "not compared")
    }
    words = {
        "behind": "Clearly behind it",
        "undecided": "Not distinguishable from it",
        "not compared": "Without results of single test items in common with it",
    }
    return " ".join(f"{words[word]}: {listed(names)}." for word, names in named.items() if names)


def sure(verdict: Verdict, sample: str, clusters: str) -> list[str]:
    """How the differences were judged, a sentence each."""
    found = verdict.comparisons
    if not found:
        return []
    seeds = {one.seeds for one in found}
    told = [
        f"Differences are taken {sample[:-1]} by {sample[:-1]} on the same "
        f"{plural(found[0].items, sample[:-1])}, seed by seed."
    ]
    if of := sorted({one.clusters for one in found if one.clusters is not None}):
        told.append(
            f"The {sample} are made of {of[-1]:,} {clusters}, which the intervals take for a "
            "sample of such."
        )
    told.append(_seeds(seeds, sample))
    if len(found) > 1:
        told.append(
            f"{len(found)} comparisons with the best are corrected together (Holm); the best of "
            f"{len(found) + 1} is itself a little flattered by chance."
        )
    return told


def _seeds(seeds: set[int], sample: str) -> str:
    if seeds == {1}:
        return (
            "One seed a setting: nothing is decided. Intervals are of these trained models on "
            f"other {sample}; another seed of training may turn any difference."
        )
    few = " (pairs with a single common seed are undecided)" if 1 in seeds else ""
    least, most = min(seeds), max(seeds)
    count = f"{most}" if least == most else f"{least} to {most}"
    return f"Seeds are the unit: {count} in common a pair{few}; t-intervals over them are wide."
