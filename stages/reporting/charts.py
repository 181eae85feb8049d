"""The charts of a task: against the horizon and CPU time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd

from stages.reporting import naming, placing
from stages.reporting.compare import Group, budgets
from stages.reporting.drawing import (
    FAINT,
    WIDTH,
    Axis,
    Chart,
    Mark,
    joins,
    label_layers,
    marks_layers,
    name_marks,
    render,
    vertical,
)
from stages.reporting.placing import Box

DODGE = 11.0  # pixels between settings of the same horizon
Value = Callable[[Group], float]


def against_horizon(
    name: str,
    title: str,
    axis: str,
    groups: Sequence[Group],
    value: Value,
    half: Value | None,
    sample: str = "episodes",
) -> Chart:
    """A measure of each setting against its horizon; error bars where ``half`` is given."""
    x = _horizon_axis(groups)
    y = vertical(axis, _reach(groups, value, half), zero=half is None)
    marks = _dodged(groups, x, y, value, half)
    last = list({mark.series: mark for mark in marks}.values())  # the last mark of each series
    named = name_marks(marks, last, [mark.series for mark in last], joins(marks))
    layers = [
        *marks_layers(marks, x, y, lines=True),
        *label_layers(named, [naming.colour(m.group.first.setting) for m in last], x, y),
    ]
    return render(
        name, title, words(groups, axis, value), _caption(half is not None, sample), layers
    )


def against_cpu(
    name: str,
    groups: Sequence[Group],
    value: Value,
    half: Value,
    axis: str,
    higher: bool = True,
    sample: str = "episodes",
) -> Chart:
    """A measure against training CPU time, with the line of the best that each budget buys."""
    x = _cost_axis([g.cpu_seconds for g in groups])
    y = vertical(axis, _reach(groups, value, half))
    marks = [_mark(g, x.to_pixel(g.cpu_seconds), y, value, half, g.label) for g in groups]
    steps = _steps(groups, value, x, higher)
    named = name_marks(marks, marks, [g.label for g in groups], _stairs(steps, x, y))
    layers = [
        _frontier(steps, x, y),
        *marks_layers(marks, x, y, lines=False),
        *label_layers(named, [naming.colour(g.first.setting) for g in groups], x, y),
    ]
    caption = (
        f"Bars: 95% intervals over test {sample}; small rings: single seeds. Grey steps: the best "
        "value that each CPU budget buys among these settings; "
        f"{'up' if higher else 'down'} and to the left is better."
    )
    return render(
        name,
        f"{_title(axis)} against training CPU time",
        words(groups, axis, value),
        caption,
        layers,
    )


def _dodged(
    groups: Sequence[Group], x: Axis, y: Axis, value: Value, half: Value | None
) -> list[Mark]:
    """Marks of equal horizon side by side, ordered by series and then horizon."""
    order = sorted({naming.series(g.first.setting) for g in groups})
    marks = []
    for horizon in sorted({g.first.setting.horizon for g in groups}):
        same = [g for g in groups if g.first.setting.horizon == horizon]
        same.sort(key=lambda g: order.index(naming.series(g.first.setting)))
        for index, group in enumerate(same):
            shift = (index - (len(same) - 1) / 2) * min(DODGE, 70 / len(same))
            series = naming.series(group.first.setting)
            marks.append(_mark(group, x.to_pixel(horizon) + shift, y, value, half, series))
    return sorted(marks, key=lambda mark: mark.series)


def _mark(group: Group, x: float, y: Axis, value: Value, half: Value | None, series: str) -> Mark:
    middle = value(group)
    bar = y.to_pixel(middle) - y.to_pixel(middle + half(group)) if half else 0.0
    seeds = tuple(y.to_pixel(value(one)) for one in group.alone)
    return Mark(x, y.to_pixel(middle), bar, group, series, seeds)


def _horizon_axis(groups: Sequence[Group]) -> Axis:
    horizons = sorted({g.first.setting.horizon for g in groups})
    low, high = horizons[0] / 1.6, horizons[-1] * 1.6
    title = "horizon k: inner steps in meta-training (log scale)"
    return Axis(title, low, high, WIDTH, tuple(float(k) for k in horizons), log=True)


def _cost_axis(costs: Sequence[float]) -> Axis:
    low, high = min(costs) / 1.35, max(costs) * 1.35
    return Axis(
        "training CPU time (s, log scale)", low, high, WIDTH, log_ticks(low, high), log=True
    )


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Round numbers between, evenly far apart on a log scale."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low > 8 else (1, 1.5, 2, 3, 4, 5, 7)
    return tuple(m * 10.0**p for p in powers for m in steps if low <= m * 10.0**p <= high)


def _title(axis: str) -> str:
    """``accuracy (%)`` as ``Accuracy``."""
    return axis.partition(" (")[0].capitalize()


def _steps(
    groups: Sequence[Group], value: Value, x: Axis, higher: bool
) -> list[tuple[float, float]]:
    """Corners of the line of the best that each budget buys, to the axis' end."""
    found = [(step.cpu_seconds, value(step.best)) for step in budgets(groups, higher)]
    return [*found, (x.high, found[-1][1])]


def _stairs(steps: Sequence[tuple[float, float]], x: Axis, y: Axis) -> list[Box]:
    corners: list[tuple[float, float]] = []
    for cost, value in steps:
        at, height = x.to_pixel(cost), y.to_pixel(value)
        corners += [(at, corners[-1][1]), (at, height)] if corners else [(at, height)]
    return [box for one, other in pairwise(corners) for box in placing.along(one, other)]


def _frontier(steps: Sequence[tuple[float, float]], x: Axis, y: Axis) -> Any:
    table = pd.DataFrame([(*step, i) for i, step in enumerate(steps)], columns=["x", "y", "i"])
    line = alt.Chart(table).mark_line(
        interpolate="step-after", color=FAINT, strokeDash=[3, 3], strokeWidth=1.2
    )
    return line.encode(x=x.channel(alt.X, "x"), y=y.channel(alt.Y, "y"), order="i:Q")


def _reach(groups: Sequence[Group], value: Value, half: Value | None) -> list[float]:
    """All that a vertical axis must show: ends of the bars, and each seed."""
    ends = [value(g) + sign * (half(g) if half else 0) for g in groups for sign in (-1, 1)]
    return [*ends, *(value(one) for g in groups for one in g.alone)]


def words(groups: Sequence[Group], axis: str, value: Value) -> str:
    """A chart for who cannot see it."""
    return f"{axis}: " + "; ".join(f"{g.label} {value(g):.1f}" for g in groups)


def _caption(bars: bool, sample: str) -> str:
    side = "Settings of the same horizon stand side by side; small rings: single seeds."
    return f"Bars: 95% intervals over test {sample}. {side}" if bars else side
