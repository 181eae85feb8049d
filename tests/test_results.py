"""Scores of finished runs, as metrics.json has them, and their means over seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lazyleap.results import AT_CHANCE, Group, Run, Score


def run(*, horizon: int = 5, seed: int = 0, **metrics) -> Run:
    alone = {"alone": 3, "word": "yes"}
    named = (f"r-s{seed}", "r", "series", "maml", "lazy", horizon, "", seed)
    return Run(*named, {"metrics": metrics, **alone}, {}, [], None, Path(), lambda prefix: {})


def entry(value: float, **more) -> dict:
    return {"value": value, "low": value - 0.1, "high": value + 0.2, "ci95": 0.2, "n": 9} | more


def test_a_score_has_the_interval_of_its_file():
    one = run(accuracy=entry(0.5), even={"value": 0.5, "ci95": 0.25, "n": 4})
    assert one.score("accuracy") == Score(0.5, 0.4, 0.7, 9)
    assert one.score("even") == Score(0.5, 0.25, 0.75, 4)
    assert (one.score("alone"), one.score("word"), one.score("none")) == (Score(3.0), None, None)


@pytest.mark.parametrize("missing", [{"low": float("nan")}, {"high": float("inf")}])
def test_an_end_that_is_not_finite_is_no_interval(missing):
    found = run(a=entry(0.5, **missing, at_chance=True)).score("a")
    assert found == Score(0.5, n=9, chance=AT_CHANCE)


def test_a_runs_own_horizon_stands_in_a_metrics_name():
    metrics = {"accuracy@3": entry(0.3), "accuracy@5": entry(0.5)}
    found = [run(horizon=k, **metrics).score("accuracy@{horizon}") for k in (3, 5, 7)]
    assert [one and one.value for one in found] == [0.3, 0.5, None]


def test_over_seeds_it_is_the_t_interval_and_chance_is_counted():
    values = [0.2, 0.5, 0.4]
    runs = tuple(run(seed=i, a=entry(v, at_chance=i < 2)) for i, v in enumerate(values))
    found = Group(runs).score("a")
    expected = stats.ttest_1samp(np.array(values), 0).confidence_interval(0.95)
    assert found is not None
    assert (found.value, found.n) == (pytest.approx(np.mean(values)), 3)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.chance == "2 of 3 seeds at chance"
    assert Group(runs[2:]).score("a") == runs[2].score("a")
    assert Group((*runs, run(seed=3))).score("a") is None
    assert Group(tuple(run(seed=i, a=entry(0.5)) for i in (0, 1))).score("a").chance == ""
