"""What every chart is drawn with: axes, marks, names; Altair and vl-convert, no network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from stages.reporting import naming, placing
from stages.reporting.compare import Group
from stages.reporting.placing import Box

WIDTH, HEIGHT = 700, 380  # pixels of the plotting area
INK, FAINT, GRID, PAPER = "#333333", "#8a8a8a", "#e3e3e3", "#ffffff"
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
PNG_SCALE = 2
# To the right more, for a reader whose font is wider than the one the size was reckoned with.
PADDING = {"left": 8, "top": 8, "bottom": 8, "right": 24}


@dataclass(frozen=True)
class Chart:
    """A finished drawing: ``name`` is its file's, ``words`` say it to who cannot see it."""

    name: str
    title: str
    words: str
    caption: str
    svg: str
    png: bytes


@dataclass(frozen=True)
class Axis:
    """A scale from values to pixels and back; ``log`` is base 2."""

    title: str
    low: float
    high: float
    pixels: float
    ticks: tuple[float, ...] | None = None
    log: bool = False
    flipped: bool = False

    def to_pixel(self, value: float) -> float:
        """Pixels from the left, or from the top for a flipped axis."""
        low, high, value = (self._warp(v) for v in (self.low, self.high, value))
        share = (value - low) / (high - low)
        return self.pixels * (1 - share if self.flipped else share)

    def to_value(self, pixel: float) -> float:
        """The inverse of :meth:`to_pixel`."""
        share = pixel / self.pixels
        low, high = self._warp(self.low), self._warp(self.high)
        value = low + (high - low) * (1 - share if self.flipped else share)
        return float(2**value) if self.log else value

    def scale(self) -> Any:
        """The same as Vega-Lite's scale."""
        kind = {"type": "log", "base": 2} if self.log else {"type": "linear"}
        return alt.Scale(domain=[self.low, self.high], nice=False, zero=False, **kind)

    def channel(self, kind: Callable[..., Any], field: str) -> Any:
        """The Vega-Lite channel ``kind`` for a field, with title and ticks."""
        ticks = {"tickCount": 8} if self.ticks is None else {"values": list(self.ticks)}
        axis = alt.Axis(title=self.title, format="~r" if self.log else "~f", **ticks)
        return kind(f"{field}:Q", scale=self.scale(), axis=axis)

    def _warp(self, value: float) -> float:
        return math.log2(value) if self.log else value


@dataclass(frozen=True)
class Mark:
    """A point in pixels with half its error bar, the line it is part of and its seeds' heights."""

    x: float
    y: float
    bar: float
    group: Group
    series: str
    seeds: tuple[float, ...] = ()


def vertical(title: str, values: Iterable[float], zero: bool = False) -> Axis:
    """A vertical axis with some air around the values; from zero where that is the honest start."""
    found = list(values)
    low, high = min(found), max(found)
    air = 0.08 * (high - low) or max(0.05 * abs(high), 0.5)
    if zero:
        return Axis(title, 0.0, 1.25 * high or 1.0, HEIGHT, flipped=True)  # room for names above
    return Axis(title, low - air, high + air, HEIGHT, flipped=True)


def marks_layers(marks: Sequence[Mark], x: Axis, y: Axis, lines: bool) -> list[Any]:
    """Lines through each series, error bars and points, in the settings' colours and shapes."""
    table = pd.DataFrame([_row(mark, x, y) for mark in marks])
    base = alt.Chart(table).encode(
        x=x.channel(alt.X, "x"), color=alt.Color("colour:N", scale=None), detail="series:N"
    )
    at_y = y.channel(alt.Y, "y")
    bars = base.mark_rule(strokeWidth=1.6).encode(y=y.channel(alt.Y, "low"), y2="high:Q")
    points = base.mark_point(filled=True, size=75, opacity=1).encode(
        y=at_y, shape=alt.Shape("shape:N", scale=None)
    )
    joined = [base.mark_line(strokeWidth=1.8, opacity=0.75).encode(y=at_y)] if lines else []
    return [*joined, *_seed_layer(marks, x, y), bars, points]


def _seed_layer(marks: Sequence[Mark], x: Axis, y: Axis) -> list[Any]:
    """A small ring for each seed of a mark that is a mean."""
    rows = [{**_row(mark, x, y), "y": y.to_value(at)} for mark in marks for at in mark.seeds]
    if not rows:
        return []
    rings = alt.Chart(pd.DataFrame(rows)).mark_point(size=28, strokeWidth=1.2, opacity=1)
    colour = alt.Color("colour:N", scale=None)
    return [rings.encode(x=x.channel(alt.X, "x"), y=y.channel(alt.Y, "y"), color=colour)]


def label_layers(
    labels: Sequence[placing.Label], hues: Sequence[str], x: Axis, y: Axis
) -> list[Any]:
    """Names beside what they name, with a thin line where they had to move away."""
    rows = [
        {
            "text": label.text,
            "align": label.align,
            "colour": hue,
            "far": label.far,
            **{key: x.to_value(at) for key, at in _across(label).items()},
            **{key: y.to_value(at) for key, at in _down(label).items()},
        }
        for label, hue in zip(labels, hues, strict=True)
    ]
    table = pd.DataFrame(rows)
    texts = [
        _texts(table[table["align"] == align], align, x, y) for align in ("left", "center", "right")
    ]
    leaders = alt.Chart(table[table["far"]]).mark_rule(strokeWidth=0.9, opacity=0.7)
    tied = leaders.encode(
        x=x.channel(alt.X, "x0"),
        y=y.channel(alt.Y, "y0"),
        x2="x1:Q",
        y2="y1:Q",
        color=alt.Color("colour:N", scale=None),
    )
    return [tied, *texts]


def _texts(table: pd.DataFrame, align: str, x: Axis, y: Axis) -> Any:
    marks = alt.Chart(table).mark_text(align=align, baseline="middle", fontSize=12)
    return marks.encode(
        x=x.channel(alt.X, "x"),
        y=y.channel(alt.Y, "y"),
        text="text:N",
        color=alt.Color("colour:N", scale=None),
    )


def _across(label: placing.Label) -> dict[str, float]:
    return {"x": label.x, "x0": label.anchor[0], "x1": label.tip[0]}


def _down(label: placing.Label) -> dict[str, float]:
    return {"y": label.middle, "y0": label.anchor[1], "y1": label.tip[1]}


def name_marks(
    marks: Sequence[Mark], named: Sequence[Mark], texts: Sequence[str], lines: Sequence[Box] = ()
) -> list[placing.Label]:
    """Labels beside the ``named`` marks that keep off all marks, bars, rings and ``lines``."""
    obstacles = [
        Box(m.x - 6, m.y - max(m.bar, 6) - 1, m.x + 6, m.y + max(m.bar, 6) + 1) for m in marks
    ]
    obstacles += [Box(m.x - 4, at - 4, m.x + 4, at + 4) for m in marks for at in m.seeds]
    obstacles += lines
    anchors = [(mark.x, mark.y, text) for mark, text in zip(named, texts, strict=True)]
    return placing.around(anchors, obstacles, Box(2, 2, WIDTH + PADDING["right"] - 6, HEIGHT - 2))


def joins(marks: Sequence[Mark]) -> list[Box]:
    """Where the lines of :func:`marks_layers` run; marks in the order of their series."""
    same = [(one, other) for one, other in pairwise(marks) if one.series == other.series]
    return [b for one, other in same for b in placing.along((one.x, one.y), (other.x, other.y))]


def render(
    name: str,
    title: str,
    words: str,
    caption: str,
    layers: Sequence[Any],
    width: float = WIDTH,
    height: float = HEIGHT,
) -> Chart:
    """The layers as one drawing, titled, in SVG and PNG; equal input gives equal bytes."""
    chart = (
        alt.layer(*layers)
        .properties(width=width, height=height, padding=PADDING, background=PAPER)
        .properties(title=alt.Title(title, anchor="start", fontSize=15, offset=12, color=INK))
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(**_AXIS)
    )
    spec = chart.to_json()
    svg = vl_convert.vegalite_to_svg(spec)
    return Chart(name, title, words, caption, svg, vl_convert.svg_to_png(svg, scale=PNG_SCALE))


_AXIS: dict[str, Any] = {
    "labelFontSize": 12,
    "titleFontSize": 13,
    "titleFontWeight": "normal",
    "labelColor": INK,
    "titleColor": INK,
    "gridColor": GRID,
    "domainColor": FAINT,
    "tickColor": FAINT,
    "titlePadding": 10,
    "labelOverlap": "greedy",
}


def _row(mark: Mark, x: Axis, y: Axis) -> dict[str, Any]:
    setting = mark.group.first.setting
    return {
        "x": x.to_value(mark.x),
        "y": y.to_value(mark.y),
        "low": y.to_value(mark.y + mark.bar),
        "high": y.to_value(mark.y - mark.bar),
        "colour": naming.colour(setting),
        "shape": naming.shape(setting),
        "series": mark.series,
    }
