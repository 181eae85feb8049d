from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lazyleap.attack.attempt import Outcome
from lazyleap.attack.measures import curve, measure, median, pool
from lazyleap.errors import InputError
from lazyleap.statistics import interval, proportion

CLEAN = torch.full((5, 1, 2, 2), 0.5)
STEPS = (0, 25, 50, 75, 100)
OF = {"images": 9, "correct": 7, "attacked": 5}


def outcome(success=(True, True, False, True, False), queries=(10, 30, 100, 80, 97)):
    moved = CLEAN.clone()
    moved[0, 0, 0, 0] += 0.3
    moved[0, 0, 1, 1] -= 0.4  # .5
    moved[1, 0, 0, 1] += 0.1
    moved[2] += 0.5
    moved[3] += 0.15  # .3
    return Outcome(moved, torch.tensor(success), torch.tensor(queries))


def measured(found, clean=CLEAN, of=OF, seed=0):
    chance = np.random.default_rng(seed)
    return measure(found, clean, of, budget=100, resamples=2000, chance=chance)


def test_by_hand() -> None:
    found = measured(outcome())
    m = found["metrics"]
    assert m["success"] == proportion(np.arange(5) < 3) | {"chance": 0, "at_chance": False}
    assert m["mean_queries"]["value"] == 40
    assert m["mean_queries"] == interval(np.array([10.0, 30.0, 80.0]))
    assert m["mean_queries"]["n"] == m["mean_l2"]["n"] == m["median_queries"]["n"] == 3
    assert m["median_queries"]["value"] == 30
    assert m["mean_queries_all"]["value"] == (10 + 30 + 100 + 80 + 100) / 5
    assert m["mean_queries_all"]["n"] == 5
    assert (m["mean_queries_all"]["chance"], m["mean_queries_all"]["at_chance"]) == (100, False)
    assert m["mean_l2"]["value"] == pytest.approx((0.5 + 0.1 + 0.3) / 3)
    assert found["denominators"] == OF
    shares = curve(outcome(), STEPS)
    assert [(asked, share["value"]) for asked, share in zip(STEPS, shares, strict=True)] == [
        (0, 0.0),
        (25, 0.2),
        (50, 0.4),
        (75, 0.4),
        (100, 0.6),
    ]
    assert shares[-1]["ci95"] == pytest.approx(m["success"]["ci95"])


def test_no_fewer_queries_than_one_and_no_more_than_the_budget() -> None:
    """The interval about (1 + 1 + 1 + 1 + 2) / 5 would begin at 0.6."""
    few = measured(outcome((True,) * 5, (1, 1, 1, 1, 2)))["metrics"]["mean_queries_all"]
    assert (few["value"], few["low"]) == (1.2, 1)
    many = measured(outcome((True,) + (False,) * 4, (90,) * 5))["metrics"]["mean_queries_all"]
    assert (many["value"], many["high"]) == (98, 100)


def test_without_a_success_there_is_nothing_to_say_of_successes() -> None:
    found = measured(outcome(success=(False,) * 5))
    assert found["metrics"].keys() == {"success", "mean_queries_all"}
    assert found["metrics"]["mean_queries_all"]["value"] == 100
    assert found["metrics"]["success"]["value"] == 0
    assert found["metrics"]["success"]["ci95"] > 0.4
    assert found["metrics"]["mean_queries_all"]["low"] < 60
    assert all(one["at_chance"] for one in found["metrics"].values())
    shares = curve(outcome(success=(False,) * 5), STEPS)
    assert [share["value"] for share in shares] == [0] * 5


def test_the_medians_interval_holds_what_it_promises() -> None:
    """Of samples of 41, about 95 in 100 intervals hold the true median."""
    draw, hits = np.random.default_rng(1), 0
    for i in range(300):
        sample = draw.exponential(size=41)
        found = median(sample, 400, np.random.default_rng(i))
        hits += found["low"] <= math.log(2) <= found["high"]
        assert found["ci95"] == max(found["value"] - found["low"], found["high"] - found["value"])
    assert 0.9 < hits / 300 < 0.99


def test_the_interval_holds_the_middle_95_percent_of_the_resampled_medians() -> None:
    """Of an even number of values, so that few of the medians are equal."""
    sample, resamples = np.random.default_rng(5).exponential(size=22), 4001
    draws = np.random.default_rng(4).integers(22, size=(resamples, 22))
    rows = [sorted(sample[i] for i in row) for row in draws]
    medians = sorted((row[10] + row[11]) / 2 for row in rows)
    found = median(sample, resamples, np.random.default_rng(4))
    assert (found["low"], found["high"]) == (medians[100], medians[3900])  # 2.5 and 97.5 %
    assert medians[60] < medians[100] < medians[140]  # other quantiles are other numbers
    assert medians[3860] < medians[3900] < medians[3940]
    assert found["value"] == sum(sorted(sample)[10:12]) / 2
    assert found["n"] == 22


def test_the_same_chance_gives_the_same_interval() -> None:
    assert measured(outcome()) == measured(outcome())


def test_several_attacks_as_one() -> None:
    both = pool([outcome(), outcome(queries=(20, 40, 100, 90, 99))])
    found = measured(both, torch.cat([CLEAN, CLEAN]), {"attacked": 10})
    assert found["metrics"]["success"]["n"] == 10
    assert found["metrics"]["mean_queries"]["value"] == (40 + 50) / 2


@pytest.mark.parametrize(
    ("clean", "of"), [(CLEAN[:4], OF), (CLEAN, {"attacked": 7}), (CLEAN, {"correct": 5})]
)
def test_numbers_that_do_not_belong_together(clean, of) -> None:
    with pytest.raises(InputError, match="denominator 'attacked'"):
        measured(outcome(), clean, of)
