"""A described chart as Vega-Lite: one specification for the page, and for SVG and PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import vl_convert

from lazyleap.report import Chart, Field
from lazyleap.results import unique

VERSION = "6.4"  # of Vega-Lite, in files and on the page alike
# Told apart with red-green blindness too; each at least 3:1 on white and on the dark page.
PALETTE = (
    *("#d55e00", "#2c7fb8", "#0a8a66", "#b0529a", "#9a7200", "#7c68c4"),
    *("#6b7785", "#c2413b", "#5a8a1f", "#a66a4a"),
)
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3])
LIGHT, DARK = ("#1f2328", "#d8dee4"), ("#e6edf3", "#323b45")  # ink and lines
HEIGHT, WIDTH = 300, 620

Spec = dict[str, Any]


@lru_cache
def bundle() -> str:
    """JavaScript that has ``vegaEmbed``, for a script element. Cost: seconds, once a process."""
    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VERSION)
    return script.replace("</script", "<\\/script")


def config(colours: tuple[str, str]) -> Spec:
    """Ink and lines of the light or the dark page."""
    ink, lines = colours
    words = {"labelColor": ink, "titleColor": ink, "titleFontWeight": 500}
    axis = {"gridColor": lines, "domainColor": lines, "tickColor": lines, "labelLimit": 260}
    return {
        "background": None,
        "font": "system-ui, Segoe UI, Roboto, Liberation Sans, Arial, sans-serif",
        "axis": words | axis | {"labelFontSize": 12, "titleFontSize": 12},
        "legend": words | {"labelLimit": 300},
        "header": words,
        "title": {"color": ink},
        "text": {"color": ink, "fontSize": 11},
        "rule": {"color": ink},
        "view": {"stroke": lines},
    }


@dataclass(frozen=True)
class Legend:
    """What a colour or a dash stands for in all charts of a task, whatever is hidden."""

    field: Field
    values: tuple[Any, ...]
    dashed: bool

    @property
    def entries(self) -> list[tuple[Any, str]]:
        """Each value with its colour, or the dashes of its line."""
        marks = [" ".join(map(str, dash)) for dash in DASHES] if self.dashed else PALETTE
        return [(value, marks[i % len(marks)]) for i, value in enumerate(self.values)]


def legends(charts: Sequence[Chart]) -> list[Legend]:
    """The legends that some charts share, by the key of their field."""
    found: dict[str, Legend] = {}
    for chart in (chart for chart in charts if chart.mark != "cell"):
        for field, dashed in ((chart.colour, False), (chart.dash, True)):
            if field is not None:
                known = found[field.key].values if field.key in found else ()
                values = unique([*known, *(row[field.key] for row in chart.rows)])
                ordered = sorted(values) if field.type == "ordinal" else values
                found[field.key] = Legend(field, tuple(ordered), dashed)
    return list(found.values())


def spec(chart: Chart, shared: Sequence[Legend]) -> Spec:
    """The chart without its facets; what the task's legends hide is not drawn."""
    hidden = [legend for legend in shared if all(legend.field.key in row for row in chart.rows)]
    keys = [legend.field.key for legend in hidden]
    more: Spec = {}
    if chart.dash is not None:
        more["strokeDash"] = _channel(chart.dash) | {"scale": _scale(chart.dash, shared)}
    if chart.mark == "point" and chart.x.type != "quantitative":
        more["xOffset"] = {"field": chart.colour.key}  # side by side, not on one another
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": f"{chart.title}. {chart.caption}",
        "data": {"values": [dict(row) for row in chart.rows]},
        "params": [{"name": f"hidden_{key}", "value": []} for key in keys],
        "transform": [{"filter": f"indexof(hidden_{key}, datum.{key}) < 0"} for key in keys],
        "encoding": {
            "x": _axis(chart.x, chart.mark == "cell"),
            "y": _axis(chart.y, _has_rows(chart)),
            "color": _colour(chart, shared),
            **more,
        },
        "layer": _layers(chart),
    }


def static(chart: Chart, shared: Sequence[Legend]) -> tuple[str, bytes]:
    """The chart as SVG and PNG files: on white, with legend and facets."""
    whole = spec(chart, shared) | {"config": config(LIGHT) | {"background": "white"}}
    whole["title"] = {"text": chart.title, "anchor": "start"}
    size = {"width": WIDTH, "height": {"step": 26} if _has_rows(chart) else HEIGHT}
    if chart.facet:
        inner = {key: whole.pop(key) for key in ("encoding", "layer", "transform")}
        whole["facet"] = _channel(chart.facet)
        whole |= {"columns": 2, "spec": inner | size | {"width": WIDTH // 2}}
    else:
        whole |= size
    svg = str(vl_convert.vegalite_to_svg(whole, vl_version=VERSION))
    return svg, vl_convert.svg_to_png(svg, scale=2.0)


def usable(chart: Chart) -> Spec:
    """What the page's script wants to know beside the specification."""
    fields = [f for f in (*_told(chart), chart.facet) if f]
    return {
        "facet": chart.facet and {"key": chart.facet.key, "title": chart.facet.title},
        "zoom": "quantitative" in (chart.x.type, chart.y.type) and chart.mark != "cell",
        "columns": list({f.key: {"key": f.key, "title": f.title} for f in fields}.values()),
        "height": {"step": 28} if _has_rows(chart) else HEIGHT,
    }


def _has_rows(chart: Chart) -> bool:
    """Whether its marks stand in rows, each with its name, in the order that they are given in."""
    return chart.y.type != "quantitative"


def _layers(chart: Chart) -> list[Spec]:
    told = {"tooltip": [_channel(field) for field in _told(chart)]}
    if chart.mark == "cell":
        return [{"mark": "rect", "encoding": told}, *_text(chart)]
    dot = {"type": "point", "filled": True, "opacity": 1, "size": 80}
    if chart.mark == "point":
        return [*_bars(chart), {"mark": dot, "encoding": told}, *_text(chart)]
    line = {"type": "line", "strokeWidth": 1.8}
    line["interpolate"] = "step-after" if chart.mark == "step" else "linear"
    detail = {"detail": [_channel(f) for f in chart.tooltip if f.type == "nominal"]}
    dots = {"mark": dot | {"size": 28}, "encoding": told | {"strokeDash": {"value": [1, 0]}}}
    bars = _bars(chart) if chart.mark == "line" else []
    return [*bars, {"mark": line, "encoding": detail}, dots]


def _bars(chart: Chart) -> list[Spec]:
    """Intervals, of rows that have one."""
    if not any(row.get("low") is not None for row in chart.rows):
        return []
    along = "x" if _has_rows(chart) else "y"
    ends = {along: {"field": "low", "type": "quantitative"}, f"{along}2": {"field": "high"}}
    given = [{"filter": "isValid(datum.low) && isValid(datum.high)"}]
    return [{"transform": given, "mark": {"type": "rule", "strokeWidth": 1.5}, "encoding": ends}]


def _text(chart: Chart) -> list[Spec]:
    if chart.text is None:
        return []
    text: Spec = {"text": _channel(chart.text)}
    if chart.mark != "cell":
        return [{"mark": {"type": "text", "align": "left", "dx": 10}, "encoding": text}]
    dark = f"luminance(scale('color', datum.{chart.colour.key})) < 0.4"
    text["color"] = {"condition": {"test": dark, "value": "white"}, "value": "black"}
    return [{"mark": {"type": "text", "baseline": "middle"}, "encoding": text}]


def _axis(field: Field, as_given: bool) -> Spec:
    axis: Spec = {"title": field.title or None, "labelAngle": 0}
    channel = _channel(field)
    if field.type != "quantitative":
        return channel | {"axis": axis} | ({"sort": None} if as_given else {})
    axis |= {"format": channel.pop("format")} if field.format else {}
    axis |= {"tickCount": 6} | ({"tickMinStep": 1} if field.format.endswith("d") else {})
    scale: Spec = {"nice": False, "padding": 12}
    scale |= {"type": "log"} if field.log else {"zero": False}
    return channel | {"axis": axis, "scale": scale}


def _colour(chart: Chart, shared: Sequence[Legend]) -> Spec:
    field = chart.colour
    if field.type != "quantitative":
        return _channel(field) | {"scale": _scale(field, shared)}
    middle = {} if field.middle is None else {"domainMid": field.middle}
    return _channel(field) | {"scale": {"scheme": field.scheme} | middle}


def _scale(field: Field, shared: Sequence[Legend]) -> Spec:
    legend = next(legend for legend in shared if legend.field.key == field.key)
    return {"domain": list(legend.values), "range": list(DASHES if legend.dashed else PALETTE)}


def _told(chart: Chart) -> list[Field]:
    return [*chart.tooltip, chart.x, chart.y]


def _channel(field: Field) -> Spec:
    found: Spec = {"field": field.key, "title": field.title, "type": field.type}
    return found | ({"format": field.format} if field.format else {})
