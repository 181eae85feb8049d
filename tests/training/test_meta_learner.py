"""One meta-iteration of the meta-learner: what it moves, and what it says of itself."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from lazyleap import Exact, FirstOrder, Lazy, Reptile
from lazyleap.noted import warnings
from lazyleap.training.loop import Progress
from lazyleap.training.meta_learner import MetaLearner
from lazyleap.training.outer import OuterOptions
from tests import reference
from tests.cases import Case
from tests.estimators.test_secants import dense
from tests.reference import assert_same, flatten

K, LR = 3, 0.1
CASE = Case("maml", "perceptron")


def learner(estimator, tasks) -> MetaLearner:
    return MetaLearner(
        CASE.problem,
        estimator,
        CASE.theta(),
        OuterOptions("sgd", LR, "cosine", None, 4),
        sample=lambda i: tasks[i],
        accuracy=lambda phi, theta, task: float(phi["head.bias"][0] + theta["head.bias"][0]),
        score=lambda theta: {"validation/score": float(theta["head.bias"][0])},
        scored="train/any",
    )


def batches() -> list:
    return [CASE.tasks(K, n=n) for n in (2, 1)]


def steps(task, taken) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the student goes from its start, and the sum of the steps ``taken``."""
    s = [flatten(state[0]) for state in reference.path(CASE.plain, CASE.theta(), task.inner)]
    return s[-1] - s[0], sum(s[j + 1] - s[j] for j in taken)


@pytest.mark.parametrize(
    ("estimator", "taken"), [(Lazy(), [0]), (Lazy(2), [0, 1]), (Exact(), range(K))], ids=str
)
def test_it_says_how_far_student_and_teacher_went(estimator, taken):
    found = learner(estimator, batches()).step(0, describe=True)
    pairs = [steps(task, taken) for task in batches()[0]]
    mean = {
        "student/displacement": sum(float(far.norm()) for far, _ in pairs) / 2,
        "teacher/leap_length": sum(float((far - own).norm()) for far, own in pairs) / 2,
        "teacher/cosine": sum(float(far @ own / far.norm() / own.norm()) for far, own in pairs) / 2,
    }
    assert {name: found[name] for name in mean} == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize("estimator", [FirstOrder(), Reptile()], ids=str)
def test_where_nobody_teaches_only_the_student_is_spoken_of(estimator):
    found = learner(estimator, batches()).step(0, describe=True)
    far = [float(steps(task, [0])[0].norm()) for task in batches()[0]]
    assert found["student/displacement"] == pytest.approx(sum(far) / 2)
    assert not any(name.startswith("teacher/") for name in found)


def test_loss_gradient_rate_and_score_are_those_of_the_meta_batch():
    ours, theta = learner(Exact(), batches()), CASE.theta()
    programs = [reference.unrolled(CASE.plain, task) for task in batches()[0]]
    grad = reference.mean([reference.gradient(f, theta) for f in programs])
    ends = [reference.end(CASE.plain, theta, task) for task in batches()[0]]
    scores = [float(end["head.bias"][0] + theta["head.bias"][0]) for end in ends]
    found = ours.step(0, describe=True)
    assert found["train/outer_loss"] == pytest.approx(float(sum(f(theta) for f in programs) / 2))
    assert found["train/meta_gradient_norm"] == pytest.approx(float(flatten(grad).norm()))
    assert found["train/outer_lr"] == LR
    assert found["train/any"] == pytest.approx(sum(scores) / 2)
    assert_same(ours.theta, {n: p - LR * grad[n] for n, p in theta.items()}, rtol=1e-12)
    assert ours.validate() == {"validation/score": float(ours.theta["head.bias"][0])}

    second = ours.step(1, describe=True)
    assert second["train/outer_lr"] == pytest.approx(LR * (1 + math.cos(math.pi / 4)) / 2)


def test_from_its_state_another_goes_on_as_it_would_have():
    one, other = learner(Lazy(), batches()), learner(Lazy(), batches())
    one.step(0, describe=False)
    other.load_state(one.state())
    for each in (one, other):
        each.step(1, describe=False)
    assert_same(other.theta, one.theta, rtol=0, atol=0)
    assert not torch.equal(one.theta["head.bias"], CASE.theta()["head.bias"])


def test_the_smallest_factor_that_an_estimator_notes_is_logged():
    tasks = CASE.tasks(K, n=2, same_batch=True)
    made = learner(Lazy(rest="secants"), [tasks])
    found = made.step(0, describe=True)["leap/min_factor"]
    least = []
    for task in tasks:
        s = [flatten(state[0]) for state in reference.path(CASE.plain, CASE.theta(), task.inner)]
        least.append(dense([b - a for a, b in pairwise(s)])[1].min())
    assert found == pytest.approx(min(least), rel=1e-7)


def test_what_was_noted_is_kept_at_its_lowest():
    progress = Progress()
    for value in (0.5, -0.25, 0.75):
        progress.note({"leap/min_factor": value, "train/outer_loss": value})
    assert progress.lowest == {"leap/min_factor": -0.25}
    assert not warnings({"leap/min_factor": 0.0})
    assert not warnings({"train/outer_loss": -1.0})
    (said,) = warnings(progress.lowest)
    assert "a lower inner_lr" in said
