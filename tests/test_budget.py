"""What a budget buys, on a clock of the test's own."""

from __future__ import annotations

import time

import pytest

from lazyleap.budget import Timing, affordable, alike, in_turns, quiet
from lazyleap.errors import DivergedError, InputError
from lazyleap.training.loop import Plan
from tests.handmade import setting


class Paced:
    """Iterations take what ``pace`` says; one that is described twice as long."""

    def __init__(self, pace, loss=1.0):
        self.pace, self.loss, self.clock, self.steps = pace, loss, 0.0, []

    @property
    def theta(self):
        return {}

    def step(self, iteration, *, describe):
        self.steps.append((iteration, describe))
        self.clock += self.pace[len(self.steps) - 1] * (2 if describe else 1)
        return {"train/loss": self.loss}

    def check(self):
        pass


def timing(monkeypatch, pace, **options):
    learner = Paced(pace, **options)
    monkeypatch.setattr(time, "process_time", lambda: learner.clock)
    return Timing(learner, Plan(iterations=100, log_every=10, validate_every=50))


def test_a_round_lasts_as_long_as_asked_and_leaves_out_the_first(monkeypatch):
    one = timing(monkeypatch, [99.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    one.measure(3.5)
    assert one.learner.steps == [(50, True), *((i, False) for i in range(51, 55)), (55, True)]
    assert one.rounds == [pytest.approx(1 + (2 - 1) / 10)]  # a tenth of them are described


def test_of_one_setting_the_least_round_counts(monkeypatch):
    one = timing(monkeypatch, [3.0] * 3 + [50.0] * 3 + [1.0] * 3)
    assert in_turns([one], rounds=3, seconds=0) == [pytest.approx(1.1)]
    assert one.rounds == pytest.approx([3.3, 55, 1.1])


def test_a_round_that_is_slow_for_all_says_nothing_of_any():
    slow, costs = (1.0, 7.0, 2.5, 1.3), (4.0, 0.5, 1.0)
    assert quiet([[cost * by for by in slow] for cost in costs]) == pytest.approx(costs)


def test_what_hits_one_setting_in_one_round_does_not_count():
    rounds = [[4.0, 8.0, 6.0], [1.0, 2.0, 15.0], [2.0, 4.0, 3.0]]  # slow by 1, 2, 1.5
    assert quiet(rounds) == pytest.approx([4, 1, 2])


def test_no_iteration_is_beyond_the_plan(monkeypatch):
    one = timing(monkeypatch, [1.0] * 80)
    one.measure(75)
    assert max(i for i, _ in one.learner.steps) == 99


def test_parts_of_a_training_count_by_their_length(monkeypatch):
    one = timing(monkeypatch, [1.0] * 3 + [2.0] * 3 + [4.0] * 3)
    one.bounds = [0.25, 0.5]
    one.measure(0)
    assert [i for i, _ in one.learner.steps] == [12, 13, 14, 37, 38, 39, 75, 76, 77]
    assert one.rounds == [pytest.approx(1.1 * (0.25 * 1 + 0.25 * 2 + 0.5 * 4))]


def test_what_diverges_is_not_timed(monkeypatch):
    with pytest.raises(DivergedError):
        timing(monkeypatch, [1.0] * 9, loss=float("nan")).measure(0)


def test_what_a_budget_buys():
    assert affordable(10.0, 3.0) == 3
    assert affordable(3.0, 3.0) == 1
    with pytest.raises(InputError, match=r"^2\.9 CPU seconds: one meta-iteration takes 3$"):
        affordable(2.9, 3.0)


def test_settings_that_differ_in_seed_budget_and_rates_alone_cost_the_same(tmp_path):
    run = {"algorithm": "maml", "estimator": "exact", "horizon": 5}

    def of(name, **more):
        (folder := tmp_path / name).mkdir()
        return setting(folder, "glyphs", run | more, lambda _: None)

    first, seed, budget, rate, outer = (
        of("a"), of("b", seed=3), of("c", meta_iterations=7), of("d", inner_lr=0.2),
        of("e", outer={"lr": 0.1}),
    )  # fmt: skip
    longer, kind, descent = (
        of("f", horizon=6), of("g", estimator="unrolled"), of("h", outer={"optimizer": "sgd"})
    )  # fmt: skip
    found = alike([first, longer, seed, kind, budget, rate, longer, descent, outer])
    assert found == [[first, seed, budget, rate, outer], [longer, longer], [kind], [descent]]
