"""Charts: the rows are those described, a step is level between points, colours are legible."""

from __future__ import annotations

import json
import re

import pytest

from lazyleap.report import Chart, Field
from stages.reporting import drawing
from tests.report import grid

SERIES = Field("series", "setting", "nominal")


def chart(mark="point", **changed) -> Chart:
    rows = [
        {"series": name, "horizon": k, "x": 10 * k, "y": k + i, "low": k, "high": k + 2 * i}
        for i, name in enumerate(("a", "b"))
        for k in (1, 5)
    ]
    dash = Field("horizon", "k", "ordinal")
    base = {"x": Field("x", "steps", format="d"), "y": Field("y", "accuracy"), "colour": SERIES}
    return Chart(
        **{"name": "n", "title": "T", "caption": "C", "mark": mark, "rows": rows, "dash": dash}
        | base
        | changed
    )


def contrast(one: str, other: str) -> float:
    """Of two colours. Source: WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("paper", ["#ffffff", "#0f1419"])
def test_colours_are_seen_on_the_light_and_the_dark_page(paper):
    assert [c for c in drawing.PALETTE if contrast(c, paper) < 3] == []
    ink = drawing.LIGHT[0] if paper == "#ffffff" else drawing.DARK[0]
    assert contrast(ink, paper) > 7
    assert paper.replace("ffffff", "fff") in (drawing.__file__ and _css())


def _css() -> str:
    return (grid.DEFAULT.parent / "stages/reporting/page.css").read_text()


def test_a_step_is_level_up_to_the_next_measured_point_on_whole_numbers():
    described = chart("step")
    spec = drawing.spec(described, drawing.legends([described]))
    assert spec["data"]["values"] == list(described.rows)
    assert spec["layer"][0]["mark"]["interpolate"] == "step-after"
    axis = spec["encoding"]["x"]["axis"]
    assert (axis["tickMinStep"], axis["format"]) == (1, "d")
    assert (spec["encoding"]["x"]["field"], spec["encoding"]["y"]["field"]) == ("x", "y")


def test_bars_go_from_low_to_high_and_a_legend_hides():
    described = chart()
    spec = drawing.spec(described, drawing.legends([described]))
    bar = spec["layer"][0]["encoding"]
    assert (bar["y"]["field"], bar["y2"]["field"]) == ("low", "high")
    assert "indexof(hidden_series, datum.series) < 0" in json.dumps(spec["transform"])


def test_in_rows_bars_lie_and_names_keep_their_order():
    described = chart(y=Field("series", "", "nominal"), x=Field("y", "y"))
    spec = drawing.spec(described, drawing.legends([described]))
    bar = spec["layer"][0]["encoding"]
    assert (bar["x"]["field"], bar["x2"]["field"]) == ("low", "high")
    assert spec["encoding"]["y"]["sort"] is None
    assert "xOffset" not in spec["encoding"]


def test_a_setting_keeps_its_colour_in_every_chart_of_a_task():
    first = chart()
    second = chart(rows=[row for row in first.rows if row["series"] == "b"])
    legends = drawing.legends([first, second])
    assert [(one.field.key, one.values) for one in legends] == [
        ("series", ("a", "b")),
        ("horizon", (1, 5)),
    ]
    assert drawing.spec(second, legends)["encoding"]["color"]["scale"]["domain"] == ["a", "b"]


@pytest.mark.parametrize("mark", ["point", "line", "step", "cell"])
@pytest.mark.parametrize("facet", [None, SERIES])
def test_svg_and_png_come_of_the_same_description(mark, facet):
    shade = Field("y", "y", scheme="viridis")
    words = {"x": Field("x", "x", "ordinal"), "colour": shade, "text": shade, "dash": None}
    described = chart(mark, facet=facet, **(words if mark == "cell" else {}))
    svg, png = drawing.static(described, drawing.legends([described]))
    assert png.startswith(b"\x89PNG")
    assert ">T</text>" in svg
    marks = re.findall(r'aria-roledescription="(\w[\w ]*)"', svg)
    drawn = sum(m in ("circle", "point", "rect mark", "rect") for m in marks)
    assert drawn >= len(described.rows), set(marks)
