"""Intervals against closed forms of scipy, brute force, and what they promise in simulations."""

from __future__ import annotations

import math
from itertools import chain, combinations

import numpy as np
import pytest
from scipy import stats

from lazyleap.statistics import holm, interval, mean_of_shares, proportion, spread


def ends(score):
    return score["low"], score["high"]


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (3, 10), (1, 1), (700, 1000)])
def test_a_shares_interval_is_wilsons(right, n):
    expected = stats.binomtest(right, n).proportion_ci(0.95, "wilson")
    found = proportion(np.arange(n) < right)
    assert ends(found) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found["ci95"] == max(found["value"] - found["low"], found["high"] - found["value"])
    assert (found["value"], found["n"]) == (right / n, n)
    assert 0 <= found["low"] < found["high"] <= 1


def test_of_nothing_nothing_is_known():
    assert proportion(np.array([], bool)) == {
        "value": 0.0,
        "low": 0.0,
        "high": 1.0,
        "ci95": 1.0,
        "n": 0,
    }


def test_a_means_interval_is_students():
    values = np.array([0.2, 0.5, 0.4, 0.9])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert ends(interval(values)) == pytest.approx((expected.low, expected.high))
    assert ends(interval(values, (0.0, 0.8))) == pytest.approx((max(expected.low, 0), 0.8))


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1.0), (0.0, 500.0)])
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_where_no_spread_was_seen_the_interval_is_that_of_coin_tosses(bounds, share):
    least, width = bounds[0], bounds[1] - bounds[0]
    found = interval(np.full(50, least + share * width), bounds)
    toss = proportion(np.arange(50) < 50 * share)
    assert ends(found) == pytest.approx(tuple(least + width * e for e in ends(toss)), abs=1e-9)


def test_a_single_value_has_no_interval():
    assert math.isnan(interval(np.array([3.0]))["ci95"])
    assert interval(np.array([1.0]), (0, 1))["low"] == pytest.approx(1 / (1 + 1.959964**2))


def test_the_mean_of_shares_by_hand():
    """A constant answer on test folders of 40, 12, 4 and 1 images is wrong three times in four."""
    strata = np.repeat([0, 1, 2, 3], [40, 12, 4, 1])
    found = mean_of_shares(strata > 0, strata)
    assert found["value"] == 0.75
    parts = [stats.binomtest(w, n).proportion_ci(0.95, "wilson") for w, n in
             [(0, 40), (12, 12), (4, 4), (1, 1)]]  # fmt: skip
    below = math.sqrt(sum((1 - part.low) ** 2 for part in parts[1:])) / 4
    assert ends(found) == pytest.approx((0.75 - below, 0.75 + parts[0].high / 4))
    assert found["n"] == 57


def test_independent_groups_of_equal_size_are_as_many_values():
    """Balanced clusters, none shared: the variance is that of the mean of cluster means."""
    chance = np.random.default_rng(0)
    clusters = np.repeat(np.arange(6), 15)
    values = chance.normal(size=6)[clusters] + chance.normal(size=90)
    found = spread(values, clusters[:, None])
    assert found.error == pytest.approx(stats.sem(values.reshape(6, 15).mean(1)))
    assert (found.freedom, found.clusters) == (5, 6)


def test_strata_by_hand():
    values = np.array([1.0, 2.0, 4.0, 10.0, 12.0, 5.0])
    strata = np.array([0, 0, 0, 1, 1, 2])
    squares = [np.var([1, 2, 4]) * 3, 2.0, 0.0]
    single = sum(squares) / (6 - 3)  # an image alone in its class varies as the others do
    variance = (3 * squares[0] / 2 + 2 * squares[1] + single) / 36
    found = spread(values, strata=strata)
    assert (found.error, found.freedom) == (pytest.approx(math.sqrt(variance)), 3)
    assert spread(values, strata=np.arange(6)).error == pytest.approx(stats.sem(values))


def test_where_every_episode_has_every_class_nothing_is_said_of_others():
    clusters = np.stack([np.random.default_rng(i).permutation(5) for i in range(40)])
    values = np.random.default_rng(0).normal(size=40)
    assert spread(values, clusters) == spread(values)


@pytest.mark.parametrize("shape", [(40, 10), (11, 30)])
def test_clusters_of_one_item_each_say_nothing_however_many(shape):
    """Whatever rounding makes of a determinant that is zero."""
    clusters = np.random.default_rng(1).permutation(np.prod(shape)).reshape(shape)
    values = np.random.default_rng(0).normal(size=shape[0])
    assert spread(values, clusters) == spread(values)


def _covered(classes, way, effect, clustered, rounds=500, episodes=150):
    """How often the interval holds the mean over all classes and episodes that could be."""
    chance, hits = np.random.default_rng(classes), 0
    for _ in range(rounds):
        effects = chance.normal(0, effect, classes)
        drawn = np.stack([chance.choice(classes, way, replace=False) for _ in range(episodes)])
        values = effects[drawn].sum(1) + chance.normal(0, 0.1, episodes)
        found = spread(values, drawn if clustered else None)
        hits += abs(values.mean()) <= found.half()
    return hits / rounds


@pytest.mark.parametrize(("classes", "effect"), [(20, 0.03), (20, 0.0), (60, 0.02)])
def test_episodes_that_share_few_classes_say_no_more_than_the_classes_allow(classes, effect):
    assert _covered(classes, 5, effect, clustered=True) > 0.89


def test_episodes_taken_as_independent_would_be_far_too_sure():
    assert _covered(20, 5, 0.03, clustered=False) < 0.6


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_the_closed_test_of_bonferroni(seed):
    p = np.random.default_rng(seed).random(5) ** 3
    every = list(chain.from_iterable(combinations(range(5), n) for n in range(1, 6)))
    expected = [
        max(min(1, len(some) * min(p[list(some)])) for some in every if i in some) for i in range(5)
    ]
    assert holm(p.tolist()) == pytest.approx(expected)
