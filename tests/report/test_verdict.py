"""Who wins at equal compute: computed from settings whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lazyleap.items import Items
from lazyleap.report import Measure
from lazyleap.results import Group, Run
from stages.reporting.verdict import judge, lead, sure

ERROR = Measure("error", "error", "%", False)
ACCURACY = Measure("error", "accuracy", "%", True)
HARD = np.random.default_rng(0).random(200)


def group(label: str, value: float, cpu: float, seeds: tuple[int, ...] = (0, 1, 2)) -> Group:
    """A setting with this mean: its items differ from another's by a constant and a little."""
    runs = []
    for seed in seeds:
        chance = np.random.default_rng([seed, *label.encode()])
        noise = chance.normal(0, 0.001, 200) + chance.normal(0, 0.0003)
        values = value + HARD - HARD.mean() + noise
        mean = float(values.mean())
        metrics = {"metrics": {"error": {"value": mean, "ci95": 0.05, "n": 200}}}
        cost = {"train_cpu_seconds": cpu}
        items = Items({"error": values})
        named = (f"{label}-{seed}", label, label, "a", "e", 1, "", seed)
        runs.append(Run(*named, metrics, cost, [], items, Path(), lambda prefix: {}))
    return Group(tuple(runs))


def words(groups, measure=ERROR) -> dict[str, str]:
    return {s.group.label: s.word for s in judge(groups, measure).field}


def test_the_least_error_is_best_and_close_ones_are_undecided():
    groups = [group("bad", 0.5, 10), group("good", 0.3, 30), group("near", 0.3006, 20)]
    assert words(groups) == {"good": "best", "near": "undecided", "bad": "behind"}
    assert list(words(groups, ACCURACY)) == ["bad", "near", "good"]
    said = lead(judge(groups, ERROR))
    assert said.startswith("Error: good, 30.0")
    assert "Clearly behind it: bad." in said
    assert "Not distinguishable from it: near." in said


def test_a_budget_buys_the_best_of_those_that_cost_no_more_within_a_tenth():
    groups = [group("slow", 0.1, 200), group("fast", 0.4, 20), group("middle", 0.2, 100)]
    groups += [group("equal", 0.15, 110)]  # costs as much as the middle one
    found = [(b.cpu_seconds, b.field[0].group.label) for b in judge(groups, ERROR).budgets]
    assert found == [(20, "fast"), (100, "equal"), (200, "slow")]
    assert [s.word for s in judge(groups, ERROR).budgets[1].field] == ["best", "behind", "behind"]


def test_a_dearer_setting_that_is_no_better_opens_no_budget():
    found = judge([group("cheap", 0.1, 10), group("dear", 0.2, 100)], ERROR).budgets
    assert [b.field[0].group.label for b in found] == ["cheap"]


def test_one_seed_decides_nothing():
    groups = [group("bad", 0.9, 10, (0,)), group("good", 0.1, 10, (0,))]
    verdict = judge(groups, ERROR)
    assert words(groups) == {"good": "best", "bad": "undecided"}
    assert any("nothing is decided" in sentence for sentence in sure(verdict, "images", "classes"))


def test_settings_without_a_seed_in_common_are_not_compared():
    groups = [group("one", 0.9, 10, (0, 1)), group("other", 0.1, 10, (2, 3))]
    verdict = judge(groups, ERROR)
    assert [s.word for s in verdict.field] == ["best", "not compared"]
    assert verdict.pairs == ()


def test_comparisons_made_at_once_are_corrected_together():
    alone = judge([group("a", 0.3, 1), group("b", 0.31, 1)], ERROR).comparisons[0]
    names = [f"s{i:02d}" for i in range(12)]
    crowd = [group("a", 0.3, 1), group("b", 0.31, 1), *(group(n, 0.3, 1) for n in names)]
    among = next(c for c in judge(crowd, ERROR).comparisons if c.first == "b")
    assert alone.p == alone.adjusted
    assert among.adjusted > alone.adjusted


def test_where_no_way_is_better_nothing_is_ranked():
    verdict = judge([group("a", 0.3, 1), group("b", 0.4, 1)], Measure("error", "error"))
    assert verdict.field == ()
    assert "not ranked" in lead(verdict)
