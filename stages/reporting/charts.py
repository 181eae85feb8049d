"""The charts of a task: against the horizon, CPU time and test-time steps."""

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
    HEIGHT,
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
    name: str, title: str, axis: str, groups: Sequence[Group], value: Value, half: Value | None
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
    return render(name, title, _words(groups, axis, value), _caption(half is not None), layers)


def against_cpu(name: str, groups: Sequence[Group], value: Value, half: Value, axis: str) -> Chart:
    """A measure against training CPU time, with the line of the best that each budget buys."""
    x = _cost_axis([g.cpu_seconds for g in groups])
    y = vertical(axis, _reach(groups, value, half))
    marks = [_mark(g, x.to_pixel(g.cpu_seconds), y, value, half, g.label) for g in groups]
    steps = _steps(groups, value, x)
    named = name_marks(marks, marks, [g.label for g in groups], _stairs(steps, x, y))
    layers = [
        _frontier(steps, x, y),
        *marks_layers(marks, x, y, lines=False),
        *label_layers(named, [naming.colour(g.first.setting) for g in groups], x, y),
    ]
    caption = (
        "Bars: 95% intervals over test episodes; small rings: single seeds. Grey steps: the best "
        "value that each CPU budget buys among these settings; up and to the left is better."
    )
    return render(
        name, "Accuracy against training CPU time", _words(groups, axis, value), caption, layers
    )


def curves(name: str, groups: Sequence[Group]) -> Chart | None:
    """Accuracy against test-time steps, one line a setting; None if no setting has a curve."""
    drawn = [(group, table) for group in groups if (table := _curve(group)) is not None]
    if not drawn:
        return None
    table = pd.concat([_curve_rows(group, curve) for group, curve in drawn], ignore_index=True)
    steps = float(table["step"].max())
    width = WIDTH - 26 - max(placing.text_width(g.label) for g, _ in drawn)
    x = Axis("test-time inner steps (log scale)", 1, steps, width, _log_ticks(1, steps), log=True)
    y = vertical("accuracy (%)", table["y"])
    layers = [*_curve_layers(table, x, y), *_column(drawn, x, y)]
    starts = [curve.loc[curve["step"] == 0, "accuracy"].mean() for _, curve in drawn]
    widest = 100 * max(curve["ci95"].max() for _, curve in drawn)
    caption = (
        f"Dots: the horizon a setting was trained for. No point's 95% interval is wider than "
        f"±{widest:.1f} %. Step 0 (no adaptation) is left out: {_span(starts)}."
    )
    words = _words(
        [g for g, _ in drawn],
        f"accuracy (%) after {steps:.0f} steps",
        lambda g: 100 * dict(_finals(drawn))[g.label],
    )
    return render(name, "Accuracy against test-time steps", words, caption, layers, width)


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
        "training CPU time (s, log scale)", low, high, WIDTH, _log_ticks(low, high), log=True
    )


def _log_ticks(low: float, high: float) -> tuple[float, ...]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low > 8 else (1, 1.5, 2, 3, 4, 5, 7)
    return tuple(m * 10.0**p for p in powers for m in steps if low <= m * 10.0**p <= high)


def _steps(groups: Sequence[Group], value: Value, x: Axis) -> list[tuple[float, float]]:
    """Corners of the line of the best that each budget buys, to the axis' end."""
    found = [(step.cpu_seconds, value(step.best)) for step in budgets(groups)]
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


def _curve(group: Group) -> pd.DataFrame | None:
    """Mean over the group's seeds, step by step."""
    tables = [run.curve for run in group.runs if run.curve is not None]
    return pd.concat(tables).groupby("step", as_index=False).mean() if tables else None


def _curve_rows(group: Group, curve: pd.DataFrame) -> pd.DataFrame:
    setting = group.first.setting
    late = curve[curve["step"] >= 1]
    return pd.DataFrame(
        {
            "step": late["step"],
            "y": 100 * late["accuracy"],
            "label": group.label,
            "colour": naming.colour(setting),
            "shape": naming.shape(setting),
            "algorithm": setting.algorithm,
            "own": late["step"] == setting.horizon,
        }
    )


def _curve_layers(table: pd.DataFrame, x: Axis, y: Axis) -> list[Any]:
    colour = alt.Color("colour:N", scale=None)
    base = alt.Chart(table).encode(
        x=x.channel(alt.X, "step"), y=y.channel(alt.Y, "y"), color=colour
    )
    names = sorted(table["algorithm"].unique())
    dashes = alt.Scale(domain=names, range=[naming.dash(n) for n in names])
    lines = base.mark_line(strokeWidth=1.8).encode(
        detail="label:N", strokeDash=alt.StrokeDash("algorithm:N", scale=dashes, legend=None)
    )
    dots = base.transform_filter("datum.own").mark_point(filled=True, size=70, opacity=1)
    return [lines, dots.encode(shape=alt.Shape("shape:N", scale=None))]


def _column(drawn: Sequence[tuple[Group, pd.DataFrame]], x: Axis, y: Axis) -> list[Any]:
    """The settings' names in a column to the right, each tied to the end of its line."""
    ends = [y.to_pixel(100 * accuracy) for _, accuracy in _finals(drawn)]
    free = placing.column(ends, placing.LINE + 2, Box(0, 0, x.pixels, HEIGHT))
    rows = [
        {
            "text": g.label,
            "colour": naming.colour(g.first.setting),
            "end": y.to_value(end),
            "y": y.to_value(height),
        }
        for (g, _), end, height in zip(drawn, ends, free, strict=True)
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(color=alt.Color("colour:N", scale=None))
    ties = base.mark_rule(strokeWidth=0.9, opacity=0.7).encode(
        y=y.channel(alt.Y, "end"),
        y2="y:Q",
        x=alt.value(x.pixels + 4),
        x2=alt.value(x.pixels + 22),
    )
    names = base.mark_text(align="left", baseline="middle", fontSize=12)
    return [ties, names.encode(y=y.channel(alt.Y, "y"), x=alt.value(x.pixels + 26), text="text:N")]


def _finals(drawn: Sequence[tuple[Group, pd.DataFrame]]) -> list[tuple[str, float]]:
    """Each setting's accuracy at the last step of its curve."""
    return [(group.label, float(curve["accuracy"].iloc[-1])) for group, curve in drawn]


def _span(starts: Sequence[float]) -> str:
    low, high = 100 * min(starts), 100 * max(starts)
    return f"{low:.1f} to {high:.1f} %" if high - low >= 0.1 else f"{low:.1f} %"


def _words(groups: Sequence[Group], axis: str, value: Value) -> str:
    return f"{axis}: " + "; ".join(f"{g.label} {value(g):.1f}" for g in groups)


def _caption(bars: bool) -> str:
    side = "Settings of the same horizon stand side by side; small rings: single seeds."
    return f"Bars: 95% intervals over test episodes. {side}" if bars else side
