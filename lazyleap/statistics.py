"""Values with their 95% intervals, as metrics.json has them; shared by all kinds.

A score is ``{"value", "low", "high", "ci95", "n"}``: a mean over ``n`` test items, where its
interval begins and ends, and the longer of its two sides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special  # not scipy.stats: every stage imports this, and that costs .3 s

Numbers = NDArray[Any]
Score = dict[str, float]

LEVEL = 0.95


class Spread(NamedTuple):
    """The standard error of a mean over test items, NaN of a single one; its degrees of freedom.

    ``clusters``: how many clusters it allows for; None if it takes the items as independent.
    """

    error: float
    freedom: float
    clusters: int | None = None

    def half(self, level: float = LEVEL) -> float:
        """Half the width of the t-interval."""
        return float(special.stdtrit(self.freedom, (1 + level) / 2) * self.error)


def interval(
    values: Numbers,
    bounds: tuple[float, float] | None = None,
    clusters: Numbers | None = None,
) -> Score:
    """The mean of ``values`` ``[N]`` and its 95% t-interval.

    Args:
        values: one an item.
        bounds: the least and the largest value that an item can have. The interval stays within;
            and where all values are equal, so that none of their spread was seen, it is Wilson's of
            as many coin tosses, which is on the wide side.
        clusters: what items share, ``[N, c]``; see :func:`spread`.

    A single value without bounds has no interval: ``low``, ``high`` and ``ci95`` are NaN.
    """
    n, value = len(values), float(values.mean())
    equal = bool((values == values[0]).all())
    if bounds and equal:
        least, width = bounds[0], bounds[1] - bounds[0]
        low, high = (least + width * end for end in wilson((value - least) / width * n, n))
    else:
        half = spread(values, clusters).half()
        low, high = value - half, value + half
        if bounds:
            low, high = max(low, bounds[0]), min(high, bounds[1])
    return score(value, low, high, n)


def proportion(hits: Numbers) -> Score:
    """The share of true values and Wilson's interval of it: none right of ten is no certainty.

    With no values at all the share is 0 and the interval everything.
    """
    n = len(hits)
    if not n:
        return score(0.0, 0.0, 1.0, 0)
    return score(float(hits.mean()), *wilson(float(hits.sum()), n), n)


def mean_of_shares(hits: Numbers, strata: Numbers) -> Score:
    """The mean over strata of each one's share of true values, with its 95% interval.

    Args:
        hits: ``[N]``.
        strata: of each item, ``[N]``, e.g. its class; strata without an item do not count.

    The interval joins Wilson's of the strata (Zou and Donner, 2008: MOVER), so a stratum of one
    item, right or wrong, is no certainty.
    """
    parts = [proportion(hits[strata == one]) for one in np.unique(strata)]
    value, low, high = (np.array([part[key] for part in parts]) for key in ("value", "low", "high"))
    mean, count = float(value.mean()), len(parts)
    below, above = (math.sqrt(((value - end) ** 2).sum()) / count for end in (low, high))
    return score(mean, max(mean - below, 0.0), min(mean + above, 1.0), len(hits))


def score(value: float, low: float, high: float, n: int) -> Score:
    """A value and its interval as metrics.json has them."""
    return {
        "value": value,
        "low": low,
        "high": high,
        "ci95": max(value - low, high - value),
        "n": n,
    }


def cells(found: Score) -> tuple[float, ...]:
    """Value, both ends and the longer side, for a row of a table."""
    return tuple(found[key] for key in ("value", "low", "high", "ci95"))


def marked(found: Score, chance: float, *, higher: bool = True) -> Score:
    """The score with what chance comes to, and whether it is not clearly better than that.

    Args:
        found: of an item's values.
        chance: e.g. of an answer that is the same for all.
        higher: whether more is better.
    """
    above = found["low"] > chance if higher else found["high"] < chance
    return found | {"chance": chance, "at_chance": not above}


def wilson(hits: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval of a share: ``hits`` of ``n``. Source: Wilson, 1927."""
    z = float(special.ndtri((1 + level) / 2))
    p, scale = hits / n, 1 + z**2 / n
    centre, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = (centre - half) / scale, (centre + half) / scale
    return (0.0 if hits <= 0 else low), (1.0 if hits >= n else high)


def spread(
    values: Numbers, clusters: Numbers | None = None, strata: Numbers | None = None
) -> Spread:
    """How far the mean of ``values`` ``[N]`` may be from that over other items.

    Args:
        values: one an item.
        clusters: int ``[N, c]``: what items have in common and other items would not have, e.g.
            the classes of an episode. The clusters are taken for a sample: episodes over twenty
            classes say how these twenty do, however many episodes there are.
        strata: ``[N]``: what other items would have as often, e.g. the class of a test image.

    Clusters are random effects that add up over an item's; their variance and that of the rest are
    estimated by the method of moments (Henderson, 1953), exactly unbiased where effects add up. A
    class bootstrap would not do: an episode is kept if all its classes are drawn, so few are.
    Where all items share all clusters nothing is known of other ones, and ``clusters`` is None.
    Cost: ``N C + C^2`` numbers, C clusters.
    """
    n = len(values)
    if n < 2:
        return Spread(math.nan, 1)
    if strata is not None:
        return _stratified(values, strata)
    plain = Spread(float(values.std(ddof=1)) / math.sqrt(n), n - 1)
    return plain if clusters is None else _clustered(values, clusters) or plain


def _stratified(values: Numbers, strata: Numbers) -> Spread:
    _, places, counts = np.unique(strata, return_inverse=True, return_counts=True)
    means = np.bincount(places, values) / counts
    squares = np.bincount(places, (values - means[places]) ** 2)
    n, freedom = len(values), len(values) - len(counts)
    if freedom < 1:  # a single item a stratum: as if there were none
        return Spread(float(values.std(ddof=1)) / math.sqrt(n), n - 1)
    pooled = squares.sum() / freedom
    within = np.where(counts > 1, squares / np.maximum(counts - 1, 1), pooled)
    return Spread(math.sqrt((counts * within).sum()) / n, freedom)


def _clustered(values: Numbers, clusters: Numbers) -> Spread | None:
    n = len(values)
    names, places = np.unique(clusters, return_inverse=True)
    members = np.zeros((n, len(names)))
    members[np.arange(n)[:, None], places.reshape(clusters.shape)] = 1
    sizes, rest = members.sum(0), values - values.mean()
    shared = members.T @ members - np.outer(sizes, sizes) / n
    trace, square = float(np.trace(shared)), float((shared**2).sum())
    determinant = (n - 1) * square - trace**2
    if trace < 1e-9 * n or determinant < 1e-9 * n * square:
        return None  # all items share all clusters, or none shares any
    total, between = float(rest @ rest), float(((members.T @ rest) ** 2).sum())
    effect = max(0.0, ((n - 1) * between - trace * total) / determinant)
    noise = max(0.0, (total - trace * effect) / (n - 1))
    variance = effect * float(sizes @ sizes) / n**2 + noise / n
    return Spread(math.sqrt(variance), len(names) - 1, len(names))


def holm(p: Sequence[float]) -> list[float]:
    """p-values of several comparisons made at once, adjusted. Source: Holm, 1979."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted
