"""``lazyleap study chart``: what more compute does, from the tables of several budgets."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lazyleap.errors import InputError, nearest
from lazyleap.report import Chart, Field
from pipeline.commands.answers import Answer
from pipeline.commands.study_page import write
from stages.reporting import drawing

Row = Mapping[str, str]
Point = dict[str, str | float | int | None]


def chart(tables: Sequence[Path], measure: str, to: Path) -> Answer:
    """Draw a measure against CPU seconds: a point a setting and table, a line a setting.

    Args:
        tables: CSV files that ``study judge --to`` wrote, a budget each.
        measure: as their column ``metric`` names it, for example ``accuracy@20``.
        to: an SVG file to write.

    Raises:
        InputError: if a file is no such table or lacks the measure, or ``to`` is there.
    """
    points = [point for path in tables for point in _points(path, measure)]
    title = f"{measure} against CPU seconds"
    drawn = Chart(
        "budgets",
        title,
        "Bars: 95% intervals.",
        "line",
        points,
        Field("cpu_seconds", "CPU seconds of training", format="~r", log=True),
        Field("value", measure, format="~r"),
        Field("setting", "setting", "nominal"),
    )
    write({to: drawing.static(drawn, drawing.legends([drawn]))[0]})
    content = {"figure": to.as_posix(), "measure": measure, "points": points}
    return Answer(content, (f"{to}: {len(points)} points of {_count(points)} settings",))


def _count(points: Iterable[Point]) -> int:
    return len({point["setting"] for point in points})


def _points(path: Path, measure: str) -> list[Point]:
    rows = _read(path)
    if not (own := [row for row in rows if row["metric"] == measure]):
        known = nearest(measure, dict.fromkeys(row["metric"] for row in rows))
        raise InputError(f"{path}: has no measure '{measure}'; {known}")
    try:
        return [_point(row) for row in own]
    except (KeyError, TypeError, ValueError) as error:  # a short row has None
        raise InputError(f"{path}: no table that 'study judge --to' wrote ({error})") from None


def _read(path: Path) -> Sequence[Row]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: no CSV file ({error})") from None
    if not rows or "metric" not in rows[0]:
        raise InputError(f"{path}: no table that 'study judge --to' wrote (no column 'metric')")
    return rows


def _point(row: Row) -> Point:
    point: Point = {"setting": row["setting"]}
    point |= {key: float(row[key]) for key in ("cpu_seconds", "value")}
    return point | {
        end: float(row[f"value_{end}"]) for end in ("low", "high") if row.get(f"value_{end}")
    }
