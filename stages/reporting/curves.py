"""Accuracy against test-time steps, a line a setting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from stages.reporting import naming, placing
from stages.reporting.charts import log_ticks, words
from stages.reporting.compare import Group
from stages.reporting.drawing import HEIGHT, WIDTH, Axis, Chart, render, vertical
from stages.reporting.placing import Box


def curves(name: str, groups: Sequence[Group]) -> Chart | None:
    """Accuracy against test-time steps, one line a setting; None if no setting has a curve."""
    drawn = [(group, table) for group in groups if (table := _curve(group)) is not None]
    if not drawn:
        return None
    table = pd.concat([_curve_rows(group, curve) for group, curve in drawn], ignore_index=True)
    steps = float(table["step"].max())
    width = WIDTH - 26 - max(placing.text_width(g.label) for g, _ in drawn)
    x = Axis("test-time inner steps (log scale)", 1, steps, width, log_ticks(1, steps), log=True)
    y = vertical("accuracy (%)", table["y"])
    finals = dict(_finals(drawn))
    names = [(g.label, naming.colour(g.first.setting), 100 * finals[g.label]) for g, _ in drawn]
    layers = [*_curve_layers(table, x, y), *column(names, x, y)]
    starts = [curve.loc[curve["step"] == 0, "accuracy"].mean() for _, curve in drawn]
    widest = 100 * max(curve["ci95"].max() for _, curve in drawn)
    caption = (
        f"Dots: the horizon a setting was trained for. No point's 95% interval is wider than "
        f"±{widest:.1f} %. Step 0 (no adaptation) is left out: {_span(starts)}."
    )
    said = words(
        [g for g, _ in drawn],
        f"accuracy (%) after {steps:.0f} steps",
        lambda g: 100 * finals[g.label],
    )
    return render(name, "Accuracy against test-time steps", said, caption, layers, width)


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


def column(names: Sequence[tuple[str, str, float]], x: Axis, y: Axis) -> list[Any]:
    """Text, colour and value of lines' ends: the texts in a column to the right, each tied."""
    ends = [y.to_pixel(value) for _, _, value in names]
    free = placing.column(ends, placing.LINE + 2, Box(0, 0, x.pixels, HEIGHT))
    rows = [
        {"text": text, "colour": colour, "end": value, "y": y.to_value(height)}
        for (text, colour, value), height in zip(names, free, strict=True)
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(color=alt.Color("colour:N", scale=None))
    ties = base.mark_rule(strokeWidth=0.9, opacity=0.7).encode(
        y=y.channel(alt.Y, "end"),
        y2="y:Q",
        x=alt.value(x.pixels + 4),
        x2=alt.value(x.pixels + 22),
    )
    texts = base.mark_text(align="left", baseline="middle", fontSize=12)
    return [ties, texts.encode(y=y.channel(alt.Y, "y"), x=alt.value(x.pixels + 26), text="text:N")]


def _finals(drawn: Sequence[tuple[Group, pd.DataFrame]]) -> list[tuple[str, float]]:
    """Each setting's accuracy at the last step of its curve."""
    return [(group.label, float(curve["accuracy"].iloc[-1])) for group, curve in drawn]


def _span(starts: Sequence[float]) -> str:
    low, high = 100 * min(starts), 100 * max(starts)
    return f"{low:.1f} to {high:.1f} %" if high - low >= 0.1 else f"{low:.1f} %"
