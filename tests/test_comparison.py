"""Comparisons against scipy's paired t-test, and no certainty where there cannot be any."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from lazyleap.comparison import Candidate, Run, compare
from lazyleap.errors import InputError
from lazyleap.items import Items
from lazyleap.statistics import spread


def candidate(name, values, seeds=None, cpu=100.0, **about):
    """A setting with values ``[S, N]`` of metric ``m``."""
    seeds = range(len(values)) if seeds is None else seeds
    pairs = zip(seeds, values, strict=True)
    return Candidate(name, tuple(Run(s, Items({"m": np.array(v)}, about), cpu) for s, v in pairs))


def only(*candidates, **more):
    (found,) = compare(candidates, "m", higher=True, **more)
    return found


def test_over_seeds_alone_it_is_the_paired_t_test():
    """Test items that all agree leave the seeds as the only spread."""
    a, b = np.array([0.7, 0.74, 0.69, 0.75]), np.array([0.66, 0.71, 0.67, 0.7])
    found = only(candidate("a", np.tile(a[:, None], 30)), candidate("b", np.tile(b[:, None], 30)))
    test = stats.ttest_rel(a, b)
    ends = test.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.p == found.adjusted == pytest.approx(test.pvalue)
    assert (found.first, found.second, found.verdict) == ("a", "b", "better")
    assert (found.seeds, found.items, found.clusters) == (4, 30, None)


def test_test_items_add_their_variance_and_classes_are_counted():
    chance = np.random.default_rng(0)
    classes = np.stack([chance.choice(8, 2, replace=False) for _ in range(50)])
    a = chance.normal(size=(3, 50))
    found = only(candidate("a", a, clusters=classes), candidate("b", 0 * a, clusters=classes))
    seeds = stats.t.ppf(0.975, 2) * stats.sem(a.mean(1))
    half = math.hypot(seeds, spread(a.mean(0), classes).half())
    assert found.high - found.difference == pytest.approx(half)
    assert found.clusters == 8
    assert found.p > 0.05
    assert found.verdict == "undecided"


def test_only_seeds_that_both_have_are_compared():
    chance = np.random.default_rng(1)
    a, b = chance.normal(size=(3, 20)), chance.normal(size=(3, 20))
    found = only(candidate("a", a, (5, 1, 2)), candidate("b", b, (2, 7, 1)))
    assert found.difference == pytest.approx((a[[1, 2]] - b[[2, 0]]).mean())
    assert found.seeds == 2
    with pytest.raises(InputError, match="'a' and 'b' have no seed in common"):
        only(candidate("a", a), candidate("b", b, (7, 8, 9)))


def test_one_seed_decides_nothing():
    values = np.random.default_rng(0).normal(5, 0.1, (1, 400))
    found = only(candidate("a", values), candidate("b", values - 4 + 0.01 * values))
    assert found.low > 3.9
    assert (found.seeds, found.p, found.verdict) == (1, 1.0, "undecided")


@pytest.mark.parametrize("items", [1, 40])
def test_differences_without_any_spread_decide_nothing(items):
    ones = np.ones((5, items))
    found = only(candidate("a", ones), candidate("b", 0 * ones))
    assert found.difference == 1
    assert math.isnan(found.low)
    assert found.verdict == "undecided"


def test_several_are_corrected_together_and_less_can_be_better():
    chance = np.random.default_rng(2)
    near = [candidate(f"n{i}", chance.normal(0, 1, (5, 30))) for i in range(3)]
    far = candidate("far", chance.normal(-4, 1, (5, 30)))
    found = compare([*near, far], "m", higher=False)
    assert len(found) == 6
    verdicts = {(one.first, one.second): one.verdict for one in found}
    assert {pair for pair, verdict in verdicts.items() if verdict != "undecided"} == {
        ("n0", "far"), ("n1", "far"), ("n2", "far")
    }  # fmt: skip
    assert verdicts["n0", "far"] == "worse"
    against = compare([*near, far], "m", higher=False, against="far")
    assert [(one.first, one.second) for one in against] == [(f"n{i}", "far") for i in range(3)]
    assert all(one.adjusted <= 3 * one.p for one in against)
    with pytest.raises(InputError, match="no setting 'fra'"):
        compare([*near, far], "m", higher=False, against="fra")


def test_it_holds_what_it_promises_for_new_seeds_and_items():
    """No true difference: about one in twenty is called one, where seeds and items both vary."""
    chance, wrong = np.random.default_rng(3), 0
    for _ in range(300):
        seeds, items = chance.normal(0, 0.2, (2, 4, 1)), chance.normal(0, 1, (2, 1, 40))
        a, b = seeds + items + chance.normal(0, 0.3, (2, 4, 40))
        wrong += only(candidate("a", a), candidate("b", b)).verdict != "undecided"
    assert wrong / 300 < 0.08


@pytest.mark.parametrize(("other", "equal"), [(91.0, True), (89.0, False), (111.0, True)])
def test_equal_compute_is_within_a_tenth(other, equal):
    values = np.random.default_rng(0).normal(size=(2, 9))
    found = only(candidate("a", values), candidate("b", -values, cpu=other))
    assert found.cpu_seconds == (100.0, other)
    assert found.equal_compute is equal


@pytest.mark.parametrize("other", ["the same", "another"])
def test_times_of_machines_of_several_kinds_are_not_equal_or_unequal(other):
    values = np.random.default_rng(0).normal(size=(2, 9))
    a, b = candidate("a", values), candidate("b", -values)
    first, second = (tuple(replace(run, machine="the same") for run in c.runs) for c in (a, b))
    second = (second[0], replace(second[1], machine=other))  # one seed is enough
    found = only(replace(a, runs=first), replace(b, runs=second))
    assert found.equal_compute is (True if other == "the same" else None)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (candidate("b", np.ones((2, 8))), "'b' was tested on other items"),
        (candidate("b", np.ones((2, 9)), strata=np.arange(9)), "'b' was tested on other items"),
        (candidate("b", np.ones((2, 9)), (1, 1)), r"'b' has runs of seeds \[1, 1\]"),
        (Candidate("b", ()), r"'b' has runs of seeds \[\]"),
        (Candidate("b", (Run(0, Items({"x": np.ones(9)}), 1.0),)), "'b' has no m, only x"),
    ],
)
def test_what_cannot_be_compared_is_refused(other, words):
    with pytest.raises(InputError, match=words):
        only(candidate("a", np.zeros((2, 9))), other)


def test_items_are_stored_with_equal_bytes_and_read_back(tmp_path):
    items = Items({"m@1": np.arange(3.0), "a": np.array([True, False, True])},
                  {"clusters": np.eye(3, dtype=np.int64)})  # fmt: skip
    items.save(tmp_path / "a.npz")
    Items(dict(reversed(items.values.items())), items.about).save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    found = Items.load(tmp_path / "a.npz")
    assert {name: v.tolist() for name, v in found.values.items()} == {
        "m@1": [0, 1, 2],
        "a": [1, 0, 1],
    }
    assert found.clusters is not None
    assert found.strata is None
    np.savez(tmp_path / "c.npz", x=np.ones(3))
    for broken in ("c.npz", "none.npz"):
        with pytest.raises(InputError, match=f"{broken}: does not hold test items"):
            Items.load(tmp_path / broken)


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ({"value:m": np.ones(3), "about:clusters": np.ones(2)}, "2, 3"),
        ({"value:m": np.ones(0)}, "0"),
        ({"about:clusters": np.ones(3)}, "3"),
    ],
)
def test_items_of_other_lengths_of_none_or_without_a_value_are_refused(columns, rows, tmp_path):
    np.savez(tmp_path / "a.npz", **columns)
    with pytest.raises(InputError, match=rf"a\.npz: does not hold test items \(rows: \[{rows}\]"):
        Items.load(tmp_path / "a.npz")
