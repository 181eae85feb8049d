"""Success against queries, a line a method: over all targets, and for each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd

from stages.reporting import naming, placing
from stages.reporting.charts import log_ticks
from stages.reporting.compare import Group
from stages.reporting.curves import column
from stages.reporting.drawing import HEIGHT, WIDTH, Axis, Chart, label_layers, render
from stages.reporting.placing import Box

HALF = 0.5  # the share of the images at which a line is marked and named


def success(name: str, groups: Sequence[Group], target: str | None = None) -> Chart | None:
    """Share of the attacked images that fell within so many queries; None without any curve."""
    column = "accuracy" if target is None else f"success@{target}"
    drawn = [(g, curve) for g in groups if (curve := _curve(g, column)) is not None]
    if not drawn:
        return None
    room = [_room(g) for g, curve in drawn if not _falls(curve)]
    x = _axis([curve for _, curve in drawn], WIDTH - max(room, default=0))
    y = Axis("success rate (%)", -2, 104, HEIGHT, tuple(range(0, 101, 20)), flipped=True)
    where = "all targets together" if target is None else f"target {target}"
    return render(
        name,
        f"Success against queries, {where}",
        "; ".join(f"{_name(g)} {100 * curve['y'].iloc[-1]:.1f} %" for g, curve in drawn),
        f"Share of the correctly classified images that fell by then, {where}. "
        f"{_widest(drawn, target)}Marks and names: where half of the images have fallen; names of "
        "lines that stay below stand to the right. Solid lines are learned predictors, "
        "broken ones searches without anything learned. Up and to the left is better. Seeds are "
        "averaged.",
        [*_lines(drawn, x, y), *_marked(drawn, x, y), *_below(drawn, x, y)],
        x.pixels,
    )


def _curve(group: Group, column: str) -> pd.DataFrame | None:
    """Mean over the group's seeds, by number of queries; None if one has no such column."""
    tables = [run.curve for run in group.runs if run.curve is not None and column in run.curve]
    if len(tables) < len(group.runs):
        return None
    found = pd.concat(tables).groupby("step", as_index=False).mean()
    return found.rename(columns={column: "y"}).loc[lambda t: t["step"] >= 1]


def _axis(curves: Sequence[pd.DataFrame], width: float) -> Axis:
    """From shortly before the first success on; what is left of it is flat."""
    table = pd.concat(curves)
    early = table.loc[table["y"] == 0, "step"]
    starts = [c.loc[c["y"] > 0, "step"].min() for c in curves if (c["y"] > 0).any()]
    first = min(starts, default=1.0)
    low = max((step for step in early if step < first), default=1.0)
    high = float(table["step"].max())
    title = "queries an image (log scale)"
    return Axis(title, float(low), high, width, log_ticks(float(low), high), log=True)


def _lines(drawn: Sequence[tuple[Group, pd.DataFrame]], x: Axis, y: Axis) -> list[Any]:
    rows = pd.concat(
        [
            curve.loc[curve["step"] >= x.low, ["step", "y"]].assign(
                y=lambda t: 100 * t["y"], label=g.label, colour=_colour(g), dash=index
            )
            for index, (g, curve) in enumerate(drawn)
        ]
    )
    dashes = alt.Scale(domain=list(range(len(drawn))), range=[_dash(g) for g, _ in drawn])
    lines = alt.Chart(rows).mark_line(strokeWidth=1.8, interpolate="monotone")
    return [
        lines.encode(
            x=x.channel(alt.X, "step"),
            y=y.channel(alt.Y, "y"),
            color=alt.Color("colour:N", scale=None),
            detail="label:N",
            strokeDash=alt.StrokeDash("dash:O", scale=dashes, legend=None),
        )
    ]


def _marked(drawn: Sequence[tuple[Group, pd.DataFrame]], x: Axis, y: Axis) -> list[Any]:
    """A mark where half have fallen, and the name beside it, off all lines where there is room."""
    found = [(g, _half(curve)) for g, curve in drawn if _falls(curve)]
    if not found:
        return []
    pixels = [(x.to_pixel(step), y.to_pixel(100 * share)) for _, (step, share) in found]
    lines = _thinned([box for _, curve in drawn for box in _boxes(curve, x, y)])
    marks = [Box(a - 6, b - 6, a + 6, b + 6) for a, b in pixels]
    anchors = [(*at, _name(g)) for at, (g, _) in zip(pixels, found, strict=True)]
    names = placing.around(anchors, [*lines, *marks], Box(2, 2, x.pixels + 18, HEIGHT - 2))
    rows = [
        {"x": step, "y": 100 * share, "colour": _colour(g), "shape": _shape(g)}
        for g, (step, share) in found
    ]
    points = alt.Chart(pd.DataFrame(rows)).mark_point(filled=True, size=70, opacity=1)
    return [
        points.encode(
            x=x.channel(alt.X, "x"),
            y=y.channel(alt.Y, "y"),
            color=alt.Color("colour:N", scale=None),
            shape=alt.Shape("shape:N", scale=None),
        ),
        *label_layers(names, [_colour(g) for g, _ in found], x, y),
    ]


def _below(drawn: Sequence[tuple[Group, pd.DataFrame]], x: Axis, y: Axis) -> list[Any]:
    """Names of the lines that never reach a half, tied to their ends."""
    names = [
        (_name(g), _colour(g), 100 * float(curve["y"].iloc[-1]))
        for g, curve in drawn
        if not _falls(curve)
    ]
    return column(names, x, y) if names else []


def _falls(curve: pd.DataFrame) -> bool:
    return bool((curve["y"] >= HALF).any())


def _half(curve: pd.DataFrame) -> tuple[float, float]:
    """The first queries by which half of the images have fallen."""
    row = curve[curve["y"] >= HALF].iloc[0]
    return float(row["step"]), float(row["y"])


def _boxes(curve: pd.DataFrame, x: Axis, y: Axis) -> list[Box]:
    shown = curve[curve["step"] >= x.low]
    points = [
        (x.to_pixel(step), y.to_pixel(100 * share))
        for step, share in zip(shown["step"], shown["y"], strict=True)
    ]
    return [box for one, other in pairwise(points) for box in placing.along(one, other)]


def _thinned(boxes: Sequence[Box]) -> list[Box]:
    """One of those that lie on nearly the same place, as lines that run together have."""
    return list({(round(b.left / 6), round(b.top / 6)): b for b in boxes}.values())


def _widest(drawn: Sequence[tuple[Group, pd.DataFrame]], target: str | None) -> str:
    """The widest interval; curve.csv has that of all targets together alone."""
    if target is not None:
        return ""
    widest = 100 * max(float(curve["ci95"].max()) for _, curve in drawn)
    return f"No point's 95% interval is wider than ±{widest:.1f} %. "


def _name(group: Group) -> str:
    return naming.short(group.first.setting)


def _room(group: Group) -> float:
    """Pixels for a name to the right."""
    return 26 + placing.text_width(_name(group))


def _colour(group: Group) -> str:
    return naming.colour(group.first.setting)


def _shape(group: Group) -> str:
    return naming.shape(group.first.setting)


def _dash(group: Group) -> list[int]:
    setting = group.first.setting
    return naming.dash(setting.algorithm) if setting.estimator == "none" else [1, 0]
