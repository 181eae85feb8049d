"""Identity 7: what the horizon costs, in bytes saved for backward and in gradients taken."""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import torch

from lazyleap import Exact, FirstOrder, Implicit, Lazy, Reptile, Unrolled
from tests.cases import CASES, Case

HORIZONS = (4, 8, 16)


@dataclass
class Tape:
    """Bytes that autograd holds for backward passes: now, and at the worst moment."""

    alive: int = 0
    peak: int = 0

    def pack(self, tensor):
        return Saved(self, tensor)


class Saved:
    def __init__(self, tape, tensor):
        self.tape, self.tensor = tape, tensor.detach()  # else a saved output would hold itself
        self.size = tensor.numel() * tensor.element_size()
        tape.alive += self.size
        tape.peak = max(tape.peak, tape.alive)

    def __del__(self):
        self.tape.alive -= self.size


@contextmanager
def recorded():
    tape = Tape()
    with torch.autograd.graph.saved_tensors_hooks(tape.pack, lambda saved: saved.tensor):
        yield tape


def peak(estimator, case, horizon, n=2):
    tasks = case.tasks(horizon, n, same_batch=isinstance(estimator, Implicit))
    with recorded() as tape:
        result = estimator(case.problem, case.theta(), tasks)
    assert tape.alive == 0  # nothing that was returned holds a tape
    assert result.loss > 0
    return tape.peak


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=str)


@each(CASES)
@pytest.mark.parametrize(
    "estimator",
    [Lazy(), Lazy(placement="end"), Lazy(3), Lazy(placement="end", lam=0.5), Exact()],
    ids=str,
)
def test_7_bytes_saved_by_lazy_do_not_depend_on_the_horizon(estimator, case):
    peaks = {peak(estimator, case, k) for k in HORIZONS}
    assert len(peaks) == 1
    assert min(peaks) > 0


@each(CASES)
def test_7_bytes_saved_by_unrolled_grow_in_step_with_the_horizon(case):
    few, some, many = (peak(Unrolled(), case, k) for k in HORIZONS)
    assert many - some == pytest.approx(2 * (some - few), rel=0.01)
    assert 1.7 < some / few <= 2
    assert many > 5 * peak(Exact(), case, HORIZONS[-1])


@each(CASES)
def test_7_one_task_at_a_time_is_on_the_tape(case):
    assert peak(Lazy(), case, 4, n=1) == peak(Lazy(), case, 4, n=3)


@pytest.mark.parametrize("estimator", [FirstOrder(), Reptile(), Implicit()], ids=str)
def test_the_others_do_not_depend_on_the_horizon_either(estimator):
    case = Case("maml", "perceptron")
    assert len({peak(estimator, case, k) for k in HORIZONS}) == 1


@pytest.mark.parametrize(
    ("estimator", "least"), [(FirstOrder(), 1), (Lazy(), 2), (Lazy(3), 4), (Exact(), 9)], ids=str
)
def test_kept_are_the_points_of_one_task_that_the_teacher_steps_from(estimator, least):
    """Parameter sets that steps have made and that are alive at a step or an outer loss."""
    case, alive, sets = Case("maml", "perceptron"), [], len(Case("maml", "perceptron").theta())

    class Counted(type(case.problem)):
        def update(self, phi, grad, theta):
            moved = super().update(phi, grad, theta)
            made.extend(map(weakref.ref, moved.values()))
            alive[-1] = max(alive[-1], count())
            return moved

        def init(self, theta):
            alive.append(0)
            return super().init(theta)

        def outer_loss(self, phi, theta, batch):
            alive[-1] = max(alive[-1], count())
            return super().outer_loss(phi, theta, batch)

    def count():
        return sum(ref() is not None for ref in made) / sets

    made: list[weakref.ref] = []
    estimator(Counted(**vars(case.problem)), case.theta(), case.tasks(8, 3))
    for before, most in enumerate(alive[:3]):
        assert most <= least + before + 2  # ends of earlier tasks' paths; both ends of a step


@pytest.mark.parametrize(
    ("estimator", "student", "teacher"),
    [
        (FirstOrder(), 8, 0),
        (Lazy(), 7, 1),
        (Lazy(3, "tail"), 5, 3),
        (Lazy(6), 2 + 2, 6),  # the last four are taken once, two of them twice
        (Exact(), 7, 8),
    ],
    ids=str,
)
def test_gradients_taken_are_k_and_those_that_the_teacher_takes_again(estimator, student, teacher):
    case, tracked = Case("maml", "perceptron"), []

    class Counted(type(case.problem)):
        def inner_grad(self, phi, theta, batch):
            tracked.append(torch.is_grad_enabled())
            return super().inner_grad(phi, theta, batch)

    problem = Counted(**vars(case.problem))
    estimator(problem, case.theta(), case.tasks(8, n=1))
    assert (tracked.count(False), tracked.count(True)) == (student, teacher)
