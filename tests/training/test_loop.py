"""The training loop with a learner whose every number is known beforehand."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch

from lazyleap.errors import DivergedError, OutOfTimeError
from lazyleap.training import loop
from lazyleap.training.loop import Plan, Progress, fit
from tests.handmade import Quiet

SCORES = {3: 0.5, 6: 0.8, 9: 0.2, 12: 0.8, 14: 0.4}  # the best is neither the first nor the last


class Counter:
    """Theta counts the steps, in place, as an optimiser moves its parameters."""

    def __init__(self, scores=SCORES, **losses: float) -> None:
        self.count = torch.zeros(1)
        self.scores, self.losses, self.steps = scores, losses, []

    @property
    def theta(self):
        return {"count": self.count}

    def step(self, iteration, *, describe):
        self.steps.append((iteration, describe))
        self.count += 1
        return {"train/loss": self.losses.get(f"at{iteration}", 1.0)}

    def check(self):
        pass

    def validate(self):
        return {"validation/score": self.scores[int(self.count)], "validation/ci95": 0.0}

    def state(self):
        return {"count": self.count.clone()}

    def load_state(self, state):
        self.count = state["count"]


def run(keep="best", learner=None, progress=None, **options):
    learner, watching = learner or Counter(), Quiet()
    options = {"iterations": 14, "log_every": 4, "validate_every": 3} | options
    return fit(learner, Plan(keep=keep, **options), progress or Progress(), watching), watching


@pytest.mark.parametrize(
    ("keep", "iteration", "score"), [("best", 6, 0.8), ("last", 14, 0.4)], ids=["best", "last"]
)
def test_what_is_kept_is_the_first_best_or_the_last(keep, iteration, score):
    found, _ = run(keep)
    assert (found.iteration, found.best_iteration, found.best_score) == (14, iteration, score)
    assert found.best_theta["count"].item() == iteration  # a copy of what it was then


def test_scores_below_zero_have_a_best_too():
    found, _ = run(learner=Counter({n: s - 9 for n, s in SCORES.items()}))
    assert (found.best_iteration, found.best_score) == (6, -8.2)


class Nothing(Counter):
    """Learns nothing that could be kept."""

    theta: ClassVar = {}


def test_without_a_theta_nothing_is_validated_or_kept():
    found, watching = run(learner=Nothing())
    assert (found.iteration, found.best_iteration, found.best_theta) == (14, 0, {})
    assert (found.best_at_chance, watching.stored) == (False, [])


def test_every_iteration_once_described_and_logged_every_so_often_and_at_the_end():
    learner = Counter()
    _, watching = run(learner=learner)
    assert learner.steps == [(i, i in (0, 4, 8, 12, 13)) for i in range(14)]
    steps = [(i, "train/loss" in m) for i, m in watching.logged]
    assert [i for i, trained in steps if trained] == [0, 4, 8, 12, 13]
    assert [i for i, trained in steps if not trained] == [2, 5, 8, 11, 13]  # validations
    assert all({"cost/seconds", "cost/peak_memory_mib"} <= m.keys() for i, m in watching.logged[:1])
    assert watching.stored == [3, 6, 9, 12, 14]


class Terse(Counter):
    """Says something of the steps that are described alone, as learners do."""

    def step(self, iteration, *, describe):
        super().step(iteration, describe=describe)
        return {"train/loss": float(iteration)} if describe else {}


def test_between_two_logged_steps_the_last_that_is_known_is_shown():
    shown = []
    watching = Quiet()
    watching.tick = lambda progress, metrics: shown.append(metrics.get("train/loss"))
    fit(Terse(), Plan(14, 4, 3), Progress(), watching)
    assert shown == [0] * 4 + [4] * 4 + [8] * 4 + [12, 13]


def test_a_checkpoint_whenever_enough_time_has_gone_by():
    _, watching = run(checkpoint_seconds=-1.0)
    assert watching.stored == list(range(1, 15))


def test_it_goes_on_where_progress_is():
    learner = Counter()
    learner.count += 9
    before = Progress(
        9, best_score=0.8, best_iteration=6, best_theta={"count": torch.tensor([6.0])}
    )
    found, _ = run(learner=learner, progress=before)
    assert [i for i, _ in learner.steps] == [9, 10, 11, 12, 13]
    assert (found.best_iteration, found.best_theta["count"].item()) == (6, 6)


def test_out_of_time_the_state_is_stored_and_the_rest_can_follow():
    watching, progress, learner = Quiet(), Progress(), Counter()
    plan = Plan(14, 4, 3, max_seconds=1e-9)
    for done in range(1, 14):
        with pytest.raises(OutOfTimeError, match=f"of 1e-09 s ended after {done} of 14 iterations"):
            fit(learner, plan, progress, watching)
    fit(learner, plan, progress, watching)  # the last one is not late
    assert watching.stored == list(range(1, 15))
    assert progress.best_iteration == 6


def test_a_budget_that_is_not_spent_stops_nothing():
    assert run(max_seconds=600)[0].iteration == 14


def test_at_the_very_end_of_the_budget_it_is_not_over(monkeypatch):
    clock = iter([0.0])  # as it begins; then the last moment, for ever
    ours = SimpleNamespace(**vars(time) | {"monotonic": lambda: next(clock, 8.0)})
    monkeypatch.setattr(loop, "time", ours)  # its clock, and nobody else's
    assert run(max_seconds=8.0)[0].iteration == 14


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_it(value):
    learner = Counter(at7=value)
    with pytest.raises(DivergedError, match=rf"^train/loss is {value} at iteration 7$"):
        run(learner=learner)
    assert [i for i, _ in learner.steps] == list(range(8))


class Slow(Counter):
    """A second a step and a minute a validation, on a clock of its own."""

    clock = 0.0

    def step(self, iteration, *, describe):
        self.clock += 1
        return super().step(iteration, describe=describe)

    def validate(self):
        self.clock += 60
        return super().validate()


def test_seconds_are_those_of_the_steps_alone(monkeypatch):
    learner = Slow()
    monkeypatch.setattr(time, "perf_counter", lambda: learner.clock)
    monkeypatch.setattr(time, "process_time", lambda: 2 * learner.clock)
    found, watching = run(learner=learner)
    assert (found.wall_seconds, found.cpu_seconds) == (14, 28)
    assert watching.logged[0][1]["cost/seconds"] == 1
    assert 10 < found.peak_memory_mib < 1e5


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="elsewhere it is handed down")
def test_the_peak_memory_of_a_large_process_is_not_that_of_one_it_starts():
    code = "from lazyleap.training.loop import peak_memory_mib; print(peak_memory_mib())"
    held = bytearray(700 * 2**20)
    assert loop.peak_memory_mib() > len(held) / 2**20
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert float(started.stdout) < 600


class Drawing(Counter):
    """Theta is moved by chance, as it is where a network has dropout; a described step draws more.

    Validation draws, too.
    """

    def step(self, iteration, *, describe):
        self.count = self.count + torch.rand(1)
        return {"train/loss": float(torch.rand(1)) if describe else 1.0}

    def validate(self):
        return {"validation/score": float(torch.rand(1))}


def drawn(seed=0, **options):
    learner = Drawing()
    run("last", learner, seed=seed, **options)
    return learner.count.item()


def test_a_break_or_logging_changes_nothing_of_what_is_drawn_by_chance():
    whole = drawn()
    first = Drawing()
    run("last", first, iterations=5, seed=0)
    torch.rand(99)  # whatever happens in between
    run("last", first, Progress(5), seed=0)
    assert first.count.item() == whole
    assert drawn(log_every=1, validate_every=2) == whole
    assert drawn(seed=1) != whole


def test_before_anything_is_validated_the_start_is_the_best():
    assert (Progress().iteration, Progress().best_iteration, Progress().resumed) == (0, 0, 0)
