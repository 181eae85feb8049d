"""Names in charts: no two overlap, none leaves the drawing."""

from __future__ import annotations

import itertools

import pytest

from stages.reporting.drawing import Axis
from stages.reporting.placing import LINE, Box, Label, around, column, text_width

AREA = Box(0, 0, 700, 380)


def covered(label: Label) -> Box:
    width = text_width(label.text)
    left = label.x - {"left": 0.0, "center": width / 2, "right": width}[label.align]
    return Box(left, label.middle - LINE / 2, left + width, label.middle + LINE / 2)


def test_names_of_a_crowd_do_not_overlap() -> None:
    anchors = [(300.0 + 9 * i, 200.0 + 3 * (i % 3), f"setting number {i}") for i in range(10)]
    marks = [Box(x - 5, y - 5, x + 5, y + 5) for x, y, _ in anchors]
    boxes = [covered(label) for label in around(anchors, marks, AREA)]
    assert all(a.overlap(b) == 0 for a, b in itertools.combinations(boxes, 2))
    assert all(box.overlap(mark) == 0 for box in boxes for mark in marks)


@pytest.mark.parametrize("corner", [(0.0, 0.0), (700.0, 0.0), (0.0, 380.0), (700.0, 380.0)])
def test_a_name_in_a_corner_stays_inside(corner: tuple[float, float]) -> None:
    (label,) = around([(*corner, "a rather long name")], [], AREA)
    box = covered(label)
    assert box.left >= 0
    assert box.right <= 700
    assert box.top >= 0
    assert box.bottom <= 380


def test_a_column_keeps_order_and_distance_and_moves_little() -> None:
    wanted = [100.0, 102.0, 300.0, 101.0]
    found = column(wanted, 16, AREA)
    assert sorted(range(4), key=wanted.__getitem__) == sorted(range(4), key=found.__getitem__)
    gaps = [b - a for a, b in itertools.pairwise(sorted(found))]
    assert min(gaps) >= 16 - 1e-9
    assert found[2] == pytest.approx(300)
    assert sum(found[i] for i in (0, 1, 3)) / 3 == pytest.approx(101)


def test_a_column_at_the_edge_stays_inside() -> None:
    found = column([379.0, 380.0, 380.0], 16, AREA)
    assert max(found) <= 380
    assert found == pytest.approx([348, 364, 380])


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("flipped", [False, True])
def test_axis_goes_to_pixels_and_back(log: bool, flipped: bool) -> None:
    axis = Axis("", 1.0, 32.0, 500.0, log=log, flipped=flipped)
    assert axis.to_value(axis.to_pixel(5.0)) == pytest.approx(5.0)
    assert axis.to_pixel(1.0) == pytest.approx(500.0 if flipped else 0.0)
