"""Tables drawn as coloured cells, each with its number."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.reporting import placing
from stages.reporting.drawing import Chart, render

Numbers = NDArray[np.float64]
CELL = 30  # pixels of a row
ACROSS = 700  # of all columns
SMALL = 10  # of names of two lines
# Not the page's own ink and paper, which change with its colour scheme: cells do not.
DARK, LIGHT = "#1c1c1c", "#fdfdfd"
LOW, HIGH = (247, 251, 255), (8, 48, 107)
BELOW, ABOVE = (179, 88, 6), (84, 39, 136)


def heat(
    name: str,
    title: str,
    said: str,
    caption: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Numbers,
    colour: Callable[[float], str],
    text: Callable[[float], str],
    axes: tuple[str, str],
) -> Chart:
    """``values [rows, columns]``, from the top left; ``axes`` are the titles down and across.

    A name may have two lines.
    """
    table = _table(rows, columns, values, colour, text)
    base = alt.Chart(table).encode(x=_across(columns, axes[1]), y=_down(rows, axes[0]))
    cells = base.mark_rect().encode(color=alt.Color("colour:N", scale=None))
    numbers = base.mark_text(fontSize=11 if len(columns) <= 12 else 9).encode(
        text="text:N", color=alt.Color("ink:N", scale=None)
    )
    return render(name, title, said, caption, [cells, numbers], ACROSS, CELL * len(rows))


def _table(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Numbers,
    colour: Callable[[float], str],
    text: Callable[[float], str],
) -> pd.DataFrame:
    cells = [
        {"row": i, "column": j, "colour": colour(float(value)), "text": text(float(value))}
        for i, line in enumerate(values)
        for j, value in enumerate(line)
    ]
    return pd.DataFrame(cells).assign(ink=lambda t: t["colour"].map(_readable))


def _across(columns: Sequence[str], title: str) -> Any:
    """Names of two lines where they fit, else of one and slanted."""
    widest = max(placing.text_width(line) for name in columns for line in name.split("\n"))
    if widest * SMALL / 12 < ACROSS / len(columns) - 4:
        return alt.X("column:O", axis=_axis(title, columns, labelAngle=0, labelFontSize=SMALL))
    flat = [name.replace("\n", " ") for name in columns]
    return alt.X("column:O", axis=_axis(title, flat, labelAngle=-40))


def _down(rows: Sequence[str], title: str) -> Any:
    flat = [name.replace("\n", " ") for name in rows]
    room = max(map(placing.text_width, flat)) + 12  # a reader's font may be wider than ours
    return alt.Y("row:O", axis=_axis(title, flat, minExtent=room))


def _axis(title: str, names: Sequence[str], **more: Any) -> Any:
    """Names by place, as two classes or settings may look alike."""
    listed = json.dumps([name.split("\n") for name in names])
    options = {"labelLimit": 420, "grid": False, "domain": False, "ticks": False}
    return alt.Axis(
        title=title, labelExpr=f"{listed}[datum.value]", labelOverlap=False, **options, **more
    )


def share_colour(value: float) -> str:
    """0..1 from nearly white to dark blue."""
    return _mix(LOW, HIGH, min(max(value, 0.0), 1.0))


def ratio_colour(value: float) -> str:
    """1 is nearly white; an eighth or less brown, eight times or more violet."""
    power = float(np.clip(np.log2(max(value, 1e-9)) / 3, -1, 1))
    return _mix((247, 247, 247), ABOVE if power > 0 else BELOW, abs(power))


def _mix(start: tuple[int, ...], end: tuple[int, ...], share: float) -> str:
    channels = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
    return "#" + "".join(f"{c:02x}" for c in channels)


def _readable(colour: str) -> str:
    """Dark or light ink, whichever is easier to read on a colour."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else LIGHT
