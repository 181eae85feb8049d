"""Who needs fewer queries: lazy or reptile at a horizon, learned predictors or plain searches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stages.reporting.compare import Group, standings
from stages.reporting.duel import difference
from stages.reporting.naming import family, short
from stages.reporting.tables import percent, queries

QUERIES = "queries_mean_all"
"""What is compared: mean queries of all attacked images, a failure counted as the whole budget."""
MANY = 2  # from here on a ratio is said as such and not in percent
PLAIN = ("zoo", "square", "random_direction")


@dataclass(frozen=True)
class Match:
    """``gap`` is the queries of ``ours`` minus those of ``rival``, ``half`` its 95% half-width.

    Both intervals' variances are added, as if each had other images; they have the same, so the
    interval is on the wide side. ``each``: differences of the seeds that both have, none where
    means over seeds are compared.
    """

    ours: Group
    rival: Group
    gap: float
    half: float
    each: tuple[float, ...] = ()

    @property
    def winner(self) -> Group | None:
        """Who needs fewer queries beyond the interval; None: it cannot be said."""
        if abs(self.gap) <= self.half:
            return None
        return self.ours if self.gap < 0 else self.rival

    @property
    def difference(self) -> str:
        """In queries an image."""
        return signed(self.gap, self.half)

    @property
    def share(self) -> str:
        """Ours beside the rival's queries."""
        ratio = 1 + self.gap / self.rival.value
        if ratio >= MANY:
            return f"{ratio:.1f} times as many"
        return f"{_sign(round(ratio - 1, 2))}{abs(100 * (ratio - 1)):.0f} %"

    @property
    def verdict(self) -> str:
        """In words."""
        if self.winner is None:
            return "cannot be told apart"
        return f"{_name(self.winner)} needs fewer"

    @property
    def sentence(self) -> str:
        """The match in words."""
        seeds = f", over {len(self.each)} paired seeds" if len(self.each) > 1 else ""
        return (
            f"{_said(self.ours)}; {_said(self.rival)}. "
            f"Difference {self.difference} ({self.share}){seeds}: {self.verdict}."
        )


@dataclass(frozen=True)
class Rivals:
    """All comparisons of a task: ``field`` is every method, fewest queries first."""

    field: tuple[Group, ...]
    tied: tuple[Group, ...]
    lazy: tuple[Match, ...]
    plain: dict[str, tuple[Match, ...]]

    @property
    def lead(self) -> str:
        """Who needs the fewest."""
        if not self.field:
            return "No attack has an interval of its queries: nothing can be compared."
        best, tied = self.field[0], ", ".join(_name(g) for g in self.tied)
        told = f"Not told apart from it: {tied}" if tied else "All others clearly need more"
        return (
            f"Fewest queries: {_name(best)}, {queries(best.value, best.half)} an image. {told}."
            if len(self.field) > 1
            else f"One method alone: {_name(best)}, {queries(best.value, best.half)} an image."
        )

    @property
    def learned(self) -> str:
        """Lazy against reptile in one sentence; empty where they never meet."""
        if not self.lazy:
            return ""
        more = "s" if len(self.lazy) > 1 else ""
        ours, theirs, tied = _count(self.lazy)
        return (
            f"Lazy against reptile at the same horizon and equal meta-iterations: of "
            f"{len(self.lazy)} comparison{more} lazy needs fewer queries beyond the 95% interval "
            f"of the difference in {ours}, reptile in {theirs}; {tied} cannot be told apart."
        )

    @property
    def against_plain(self) -> list[str]:
        """Learned predictors against each plain search, a sentence each."""
        return [_against(name, found) for name, found in self.plain.items() if found]


def rivals(groups: Sequence[Group]) -> Rivals:
    """Every comparison that a task's settings allow."""
    found = [under for g in groups if (under := g.under(QUERIES)) is not None]
    ranked = standings(found, higher=False) if found else []
    learned = [g for g in found if g.first.setting.algorithm == "meta_attack"]
    return Rivals(
        tuple(s.group for s in ranked),
        tuple(s.group for s in ranked if s.verdict == "tie"),
        tuple(_lazy_against_reptile(learned)),
        {
            name: tuple(
                Match(g, rival, g.value - rival.value, math.hypot(g.half, rival.half))
                for g in learned
                for rival in found
                if rival.first.setting.algorithm == name
            )
            for name in PLAIN
        },
    )


def _lazy_against_reptile(learned: Sequence[Group]) -> list[Match]:
    return [
        Match(lazy, reptile, *difference(lazy, reptile))
        for lazy in learned
        for reptile in learned
        if family(lazy.first.setting).startswith("lazy")
        and reptile.first.setting.estimator == "reptile"
        and _same_length(lazy, reptile)
    ]


def _same_length(one: Group, other: Group) -> bool:
    a, b = one.first.setting, other.first.setting
    return (a.horizon, a.inner_lr, a.meta_iterations) == (b.horizon, b.inner_lr, b.meta_iterations)


def _against(name: str, found: Sequence[Match]) -> str:
    ours, theirs, tied = _count(found)
    best = min(found, key=lambda match: match.gap)
    more = "s" if len(found) > 1 else ""
    return (
        f"Learned predictors against {name} ({queries(best.rival.value, best.rival.half)} queries "
        f"an image): of {len(found)} predictor{more} {_fewer(ours)} beyond the interval, "
        f"{theirs} more, {tied} cannot be told apart. The best of them, {_name(best.ours)}, needs "
        f"{queries(best.ours.value, best.ours.half)}: difference {best.difference} ({best.share})."
    )


def _fewer(count: int) -> str:
    return f"{count} need{'s' if count == 1 else ''} fewer"


def _count(found: Sequence[Match]) -> tuple[int, int, int]:
    """How many ours wins, the rival wins, and nobody."""
    ours = sum(match.winner is match.ours for match in found)
    theirs = sum(match.winner is match.rival for match in found)
    return ours, theirs, len(found) - ours - theirs


def _said(group: Group) -> str:
    success = group.under("success")
    share = f" ({percent(success.value, success.half)} fall)" if success else ""
    return f"{_name(group)} needs {queries(group.value, group.half)} queries an image{share}"


def _name(group: Group) -> str:
    return short(group.first.setting)


def signed(gap: float, half: float) -> str:
    """A difference of queries."""
    digits = 0 if max(abs(gap), half) >= 100 else 1
    return f"{_sign(round(gap, digits))}{abs(gap):,.{digits}f} ± {half:,.{digits}f}"


def _sign(value: float) -> str:
    return "−" if value < 0 else "+" if value > 0 else ""
