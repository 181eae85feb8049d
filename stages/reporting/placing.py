"""Where to write names into a chart so that nothing overlaps: plain geometry, in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

LINE = 14.0  # height of a line of 12-pixel text
_NARROW = dict.fromkeys("ijl.,|'", 3.0) | dict.fromkeys("tfr -()[]/", 4.2)
_WIDE = dict.fromkeys("mMW", 10.5) | dict.fromkeys("w", 9.0) | dict.fromkeys("=+", 7.2)
_ADVANCE = _NARROW | _WIDE  # pixels; any other letter 7.0
_SLACK = 1.12  # the page's reader may have a wider font than Arial
_ANGLES = [math.radians(a) for a in (0, 180, 90, 270, 25, 335, 155, 205, 55, 305, 125, 235)]
_ROUNDS = 3
_RADII = (11, 18, 26, 36, 48, 62, 78, 96, 120, 150, 190)


@dataclass(frozen=True)
class Box:
    """A rectangle; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """Area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)


@dataclass(frozen=True)
class Label:
    """A text at ``x`` (its left, centre or right: ``align``), and the line to what it names."""

    text: str
    align: str
    x: float
    middle: float
    anchor: tuple[float, float]
    tip: tuple[float, float]

    @property
    def far(self) -> bool:
        """Whether it stands so far off that a line must lead to it."""
        (x, y), (tip_x, tip_y) = self.anchor, self.tip
        return abs(x - tip_x) > 13 or abs(y - tip_y) > 24


def text_width(text: str) -> float:
    """About how wide a 12-pixel text is."""
    return _SLACK * sum(_ADVANCE.get(letter, 7.0) for letter in text)


def around(
    anchors: Sequence[tuple[float, float, str]], obstacles: Sequence[Box], area: Box
) -> list[Label]:
    """A label near each anchor, off the obstacles and off each other, inside the area.

    Greedy: each label takes the cheapest of some hundred places, and again when all others have
    theirs; cost O(rounds x labels x places x boxes), in numpy.
    """
    chosen: dict[int, Box] = {}
    for _ in range(_ROUNDS):
        for index, (x, y, text) in enumerate(anchors):
            others = [(anchors[i], box) for i, box in chosen.items() if i != index]
            taken = [*obstacles, *(b for anchor, box in others for b in _covers(anchor, box))]
            chosen[index] = _cheapest((x, y), text, taken, area)
    return [_label((x, y), text, chosen[i]) for i, (x, y, text) in enumerate(anchors)]


def column(heights: Sequence[float], gap: float, area: Box) -> list[float]:
    """Heights at least ``gap`` apart, in the same order, as near to those wanted as it goes."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    blocks: list[tuple[float, int]] = []  # mean of the shifted heights, members
    for rank, index in enumerate(order):
        blocks.append((heights[index] - rank * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, n), (b, m) = blocks[-2:]
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m)]
    top = area.bottom - gap * (len(heights) - 1)
    free = [min(max(mean, area.top), top) for mean, count in blocks for _ in range(count)]
    result = [0.0] * len(heights)
    for rank, index in enumerate(order):
        result[index] = free[rank] + rank * gap
    return result


def along(start: tuple[float, float], end: tuple[float, float]) -> list[Box]:
    """Small boxes along a line, for labels to keep off it."""
    (x0, y0), (x1, y1) = start, end
    count = max(1, int(math.dist(start, end) / 6))
    centres = [(x0 + (x1 - x0) * i / count, y0 + (y1 - y0) * i / count) for i in range(count + 1)]
    return [Box(x - 2, y - 2, x + 2, y + 2) for x, y in centres]


def _box(x: float, y: float, text: str, radius: float, angle: float) -> Box:
    width = text_width(text) + 4
    cx, cy = x + radius * math.cos(angle), y - radius * math.sin(angle)
    if abs(math.cos(angle)) < 0.1:
        left = cx - width / 2
    else:
        left = cx if math.cos(angle) > 0 else cx - width
    return Box(left, cy - LINE / 2, left + width, cy + LINE / 2)


def _cheapest(anchor: tuple[float, float], text: str, taken: Sequence[Box], area: Box) -> Box:
    places = [_box(*anchor, text, r, a) for r in _RADII for a in _ANGLES]
    away = np.array([math.dist(anchor, _tip(anchor, box)) for box in places])
    size = (places[0].right - places[0].left) * LINE
    outside = size - _covered(places, [area])
    crossed = 3 * _covered(places, taken) + 1.5 * _crossed_by_lines(anchor, places, taken)
    return places[int(np.argmin(20 * outside + crossed + away))]


def _crossed_by_lines(
    anchor: tuple[float, float], places: Sequence[Box], taken: Sequence[Box]
) -> NDArray[np.float64]:
    """How much of the taken area the line that leads to each place would cross."""
    lines = [along(anchor, _tip(anchor, box))[2:] for box in places]
    owner = np.repeat(np.arange(len(places)), [len(steps) for steps in lines])
    steps = [step for line in lines for step in line]
    total: NDArray[np.float64] = np.zeros(len(places))
    np.add.at(total, owner, _covered(steps, taken))
    return total


def _covered(boxes: Sequence[Box], others: Sequence[Box]) -> NDArray[np.float64]:
    """Area of each box that the others cover, summed over them."""
    a, b = (np.array([astuple(box) for box in some]).reshape(-1, 4) for some in (boxes, others))
    width = np.minimum(a[:, None, 2], b[:, 2]) - np.maximum(a[:, None, 0], b[:, 0])
    height = np.minimum(a[:, None, 3], b[:, 3]) - np.maximum(a[:, None, 1], b[:, 1])
    total: NDArray[np.float64] = (np.maximum(width, 0) * np.maximum(height, 0)).sum(axis=1)
    return total


def _covers(anchor: tuple[float, float, str], box: Box) -> list[Box]:
    """A label and the line that leads to it."""
    start = anchor[:2]
    return [box, *along(start, _tip(start, box))]


def _tip(anchor: tuple[float, float], box: Box) -> tuple[float, float]:
    """The point of the box nearest to the anchor."""
    x, y = anchor
    return min(max(x, box.left), box.right), min(max(y, box.top + 2), box.bottom - 2)


def _label(anchor: tuple[float, float], text: str, box: Box) -> Label:
    middle, tip = (box.top + box.bottom) / 2, _tip(anchor, box)
    if box.left >= anchor[0]:
        return Label(text, "left", box.left + 2, middle, anchor, tip)
    if box.right <= anchor[0]:
        return Label(text, "right", box.right - 2, middle, anchor, tip)
    return Label(text, "center", (box.left + box.right) / 2, middle, anchor, tip)
