"""Where to write names into a chart so that nothing overlaps: plain geometry, in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LINE = 14.0  # height of a line of 12-pixel text
_NARROW = dict.fromkeys("ijl.,|'", 3.0) | dict.fromkeys("tfr -()[]/", 4.2)
_WIDE = dict.fromkeys("mMW", 10.5) | dict.fromkeys("w", 9.0) | dict.fromkeys("=+", 7.2)
_ADVANCE = _NARROW | _WIDE  # pixels; any other letter 7.0
_SLACK = 1.12  # the page's reader may have a wider font than Arial
_ANGLES = [math.radians(a) for a in (0, 180, 90, 270, 25, 335, 155, 205, 55, 305, 125, 235)]
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

    Greedy: each label takes the cheapest of some hundred places; cost O(labels x places x boxes).
    """
    taken, placed = list(obstacles), []
    for x, y, text in anchors:
        places = [_box(x, y, text, r, a) for r in _RADII for a in _ANGLES]
        best = min(places, key=lambda box: _cost(box, (x, y), taken, area))
        label = _label((x, y), text, best)
        taken += [best, *along((x, y), label.tip)]
        placed.append(label)
    return placed


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


def _cost(box: Box, anchor: tuple[float, float], taken: Sequence[Box], area: Box) -> float:
    inside = box.overlap(area)
    outside = (box.right - box.left) * (box.bottom - box.top) - inside
    crossed = sum(box.overlap(other) for other in taken)
    leader = along(anchor, _tip(anchor, box))[2:]
    lines = sum(step.overlap(other) for step in leader for other in taken)
    return 20 * outside + 3 * crossed + 1.5 * lines + math.dist(anchor, _tip(anchor, box))


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
