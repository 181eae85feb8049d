"""Charts that every kind of task has: what is measured, time and memory against the horizon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lazyleap.report import Chart, Field, Measure
from lazyleap.results import Group, Score, one_machine
from stages.reporting.wording import capital, scaled, unit_title

SERIES = Field("series", "setting", "nominal")
SETTING = Field("setting", "setting", "nominal")
HORIZON = Field("horizon", "horizon k", "ordinal")
INTERVAL = Field("interval", "95% interval", "nominal")
CPU = Measure("train_cpu_seconds", "training CPU time", "s")
MEMORY = Measure("peak_memory_mib", "peak memory of training", "MiB")


def charts(groups: Sequence[Group], compared: Sequence[Measure]) -> list[Chart]:
    """Each compared measure against cost and horizon; what training costs against the horizon.

    Nothing against CPU times that do not compare.
    """
    found, timed = [], one_machine(groups)
    for measure in compared:
        scored = [(g, s) for g in groups if (s := measure.of(g)) is not None]
        if scored and timed:
            found.append(_against_cpu(measure, scored))
        if scored:
            found.append(_against_horizon(measure, scored))
    trained = [g for g in groups if g.recorded("meta_iterations")]
    kinds = (CPU, MEMORY) if timed else (MEMORY,)
    costs = [(m, [(g, Score(g.recorded(m.metric))) for g in trained]) for m in kinds]
    return found + [_against_horizon(m, scored) for m, scored in costs if scored]


def _against_cpu(measure: Measure, scored: Sequence[tuple[Group, Score]]) -> Chart:
    seconds = [g.recorded("train_cpu_seconds") for g, _ in scored]
    wide = min(seconds) > 0 and max(seconds) > 20 * min(seconds)
    return Chart(
        f"{slug(measure)}-cpu",
        f"{capital(measure.title)} against training CPU time",
        f"{better(measure)}Numbers beside the points: the horizon k. {_bars(scored)}",
        "point",
        [_row(g, s, measure) for g, s in scored],
        Field("cpu", unit_title(CPU), format=",.4~r", log=wide),
        Field("value", unit_title(measure), format=".4~r"),
        SERIES,
        text=Field("beside", "", "nominal"),
        tooltip=(SETTING, HORIZON, INTERVAL),
    )


def _against_horizon(measure: Measure, scored: Sequence[tuple[Group, Score]]) -> Chart:
    return Chart(
        f"{slug(measure)}-horizon",
        f"{capital(measure.title)} against the horizon",
        f"{better(measure)}{_bars(scored)}",
        "point",
        [_row(g, s, measure) for g, s in scored],
        HORIZON,
        Field("value", unit_title(measure), format=",.4~r"),
        SERIES,
        text=Field("chance", "", "nominal"),
        tooltip=(SETTING, INTERVAL),
    )


def _row(group: Group, score: Score, measure: Measure) -> dict[str, Any]:
    chance = score.chance
    low, high = (None if end is None else scaled(end, measure) for end in (score.low, score.high))
    return {
        **group.named,
        "cpu": group.recorded("train_cpu_seconds"),
        "value": scaled(score.value, measure),
        "low": low,
        "high": high,
        "interval": ("" if low is None else f"{low:.4g} .. {high:.4g}") + f" {chance}".rstrip(),
        "chance": chance,
        "beside": f"{group.first.horizon} {chance}".rstrip(),
    }


def better(measure: Measure) -> str:
    """Which way is better, as a sentence; empty where it is not known."""
    return (
        "" if measure.higher is None else f"{'Higher' if measure.higher else 'Lower'} is better. "
    )


def slug(measure: Measure) -> str:
    """A measure's name in the names of files."""
    return measure.metric.replace("@", "-").replace("_", "-")


def _bars(scored: Sequence[tuple[Group, Score]]) -> str:
    return "Bars: 95% intervals." if any(s.low is not None for _, s in scored) else ""
