"""Square Attack on one image, pixel by pixel; nothing of lazyleap's.

After Andriushchenko, Croce, Flammarion and Hein, ECCV 2020, algorithms 1 to 3. ``chance`` is the
image's own generator; numbers below a half mean -1 (a sign) or on its side (a bump).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Array = np.ndarray


def side(share: float, asked: int, budget: int, height: int, width: int) -> int:
    """Of the square after so many of the budget's steps."""
    for after in (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000):
        if int(asked / budget * 10_000) > after:
            share = share / 2
    return min(max(round(math.sqrt(share * height * width)), 1), height, width)


def sign(draw: float) -> float:
    return -1.0 if draw < 0.5 else 1.0


def unit(x: Array) -> Array:
    return x / np.sqrt((x**2).sum())


def peak(height: int, width: int) -> Array:
    """Rings about the centre, each higher than the one around it."""
    found = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            ring = max(abs(i - height // 2), abs(j - width // 2))
            found[i, j] = sum(1 / (r + 1) ** 2 for r in range(ring, max(height, width) // 2 + 1))
    return unit(found)


def bump(size: int, draw: float) -> Array:
    """A peak above and its negative below; on its side where the draw says so."""
    upper, lower = peak(size // 2, size), peak(size - size // 2, size)
    found = unit(np.concatenate([upper, -lower]))
    return found.T if draw < 0.5 else found


def stripes(shape: tuple[int, int, int], epsilon: float, chance: np.random.Generator) -> Array:
    channels, _, width = shape
    draws = chance.random((channels, 1, width))
    found = np.zeros(shape)
    for c in range(channels):
        for j in range(width):
            found[c, :, j] = epsilon * sign(draws[c, 0, j])
    return found


def bumps(shape: tuple[int, int, int], epsilon: float, chance: np.random.Generator) -> Array:
    channels, height, width = shape
    size = max(height // 5, 1)
    down, right = height // size, width // size
    draws = chance.random((channels + 1, down, right))
    found = np.zeros(shape)
    top, left = (height - down * size) // 2, (width - right * size) // 2
    for i in range(down):
        for j in range(right):
            one = bump(size, draws[channels, i, j])
            rows, columns = top + i * size, left + j * size
            for c in range(channels):
                place = found[c, rows : rows + size, columns : columns + size]
                place += sign(draws[c, i, j]) * one
    return epsilon * unit(found)


def corner(draws: Array, size: int, height: int, width: int) -> tuple[slice, slice]:
    i, j = int(draws[0] * (height - size + 1)), int(draws[1] * (width - size + 1))
    return slice(i, i + size), slice(j, j + size)


def one_square(clean: Array, delta: Array, epsilon: float, size: int, draws: Array) -> Array:
    """A square of one sign a channel; the signs are others where the image would stay as it is."""
    channels, height, width = clean.shape
    rows, columns = corner(draws[:2], size, height, width)

    def painted(flips: int) -> Array:
        found = delta.copy()
        for c in range(channels):
            turned = -1 if flips >> c & 1 else 1
            found[c, rows, columns] = turned * epsilon * sign(draws[6 + c])
        return found

    moved = np.clip(clean + painted(0), 0, 1) - clean - delta
    if np.abs(moved).max() >= 1e-7:
        return painted(0)
    return painted(1 + int(draws[5] * (2**channels - 1)))


def two_squares(clean: Array, delta: Array, epsilon: float, size: int, draws: Array) -> Array:
    """A bump in one square, of the length that another square gives up."""
    channels, height, width = clean.shape
    size = max(size if size % 2 else size + 1, 3)
    if size > min(height, width):
        size = min(height, width) if min(height, width) % 2 else min(height, width) - 1
    gains, gives = (corner(draws[i : i + 2], size, height, width) for i in (0, 2))
    free = max(epsilon**2 - (delta**2).sum(), 0) / channels
    found = delta.copy()
    for c in range(channels):
        both = delta[c].copy()
        both[gains] = both[gives] = 0
        length = math.sqrt(free + (delta[c] ** 2).sum() - (both**2).sum())
        old = delta[c][gains]
        new = sign(draws[6 + c]) * bump(size, draws[4]) + old / (1e-10 + np.sqrt((old**2).sum()))
        found[c][gives] = 0
        found[c][gains] = length * unit(new)
    return epsilon * unit(found)


def attack(
    margin: Callable[[Array], float],
    clean: Array,
    norm: str,
    epsilon: float,
    share: float,
    budget: int,
    chance: np.random.Generator,
) -> tuple[Array, bool, int]:
    """The last image, whether it succeeded, and its queries."""

    def within(delta: Array) -> Array:
        length = np.sqrt((delta**2).sum())
        ball = np.clip(delta, -epsilon, epsilon)
        return np.clip(clean + (ball if norm == "linf" else delta * min(1, epsilon / length)), 0, 1)

    x, found, queries = clean, margin(clean), 1
    if found >= 0 and queries < budget:
        x = within((stripes if norm == "linf" else bumps)(clean.shape, epsilon, chance))
        found, queries = margin(x), 2
    draws, taken = np.zeros((0, 0)), 0
    while found >= 0 and queries < budget:
        if taken % 64 == 0:
            draws = chance.random((64, 6 + len(clean)))
        size = side(share, taken, budget, *clean.shape[1:])
        change = one_square if norm == "linf" else two_squares
        offer = within(change(clean, x - clean, epsilon, size, draws[taken % 64]))
        value = margin(offer)
        if value < found:
            x, found = offer, value
        queries, taken = queries + 1, taken + 1
    return x, found < 0, queries
