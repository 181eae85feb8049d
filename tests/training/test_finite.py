"""Training that left the numbers is said to have, also where the losses never show it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from lazyleap import Exact
from lazyleap.bilevel import Batch
from lazyleap.classifiers.fit import fit as fit_classifier
from lazyleap.classifiers.options import Classifier as Options
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import DivergedError
from lazyleap.longtail.baselines import Fixed
from lazyleap.longtail.classifier import Classifier, Descent
from lazyleap.longtail.learner import WeightedLearner
from lazyleap.longtail.means import ClassMeans
from lazyleap.models import Conv4
from lazyleap.models.normalised import Normalised
from lazyleap.models.small import small
from lazyleap.training.loop import Plan, Progress, fit
from lazyleap.training.meta_learner import MetaLearner
from lazyleap.training.outer import OuterOptions
from lazyleap.trees import not_finite
from tests.cases import Case

CPU = torch.device("cpu")


class Stored:
    """An observer that counts what is stored."""

    def __init__(self) -> None:
        self.states: list[dict] = []

    def log(self, iteration, metrics):
        pass

    def tick(self, progress, metrics):
        pass

    def store(self, progress, state):
        self.states.append(state)


def plan(iterations: int, **changes) -> Plan:
    return replace(Plan(iterations, log_every=100, validate_every=iterations), **changes)


def fewshot(lr: float, score=lambda theta: {"validation/score": 0.5}) -> MetaLearner:
    case = Case("maml", "perceptron")
    theta = {n: p.float() for n, p in case.theta().items()}
    (task,) = case.tasks(1, n=1)
    single = [Batch(b.inputs.float(), b.targets) for b in (*task.inner, task.outer)]
    task = task._replace(inner=single[:1], outer=single[1])
    outer = OuterOptions("sgd", lr, "constant", None, 10)
    sample, accuracy = lambda i: [task], lambda *_: 0.0
    problem = replace(case.problem, loss=lambda *pair: 99 * cross_entropy(*pair))
    return MetaLearner(problem, Exact(), theta, outer, sample, accuracy, score)


def longtail() -> WeightedLearner:
    """Pixels so large that their variance overflows: statistics are infinite, the loss is not."""
    torch.manual_seed(0)
    images, labels = 1e25 * torch.randn(6, 1, 16, 16), torch.arange(6) % 3
    descent = Descent(0.1, 0.9, 0.0, 0.0, (), 0.1, 3)
    network = Conv4(3, size=16, width=4, running=True)
    batch, means = Batch(images, labels), ClassMeans(3, 0.9, CPU)
    return WeightedLearner(
        Classifier(network, descent), Fixed(torch.ones(3)), {0: batch, 1: batch}, means, batch
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fewshot(3e38), "'body.weight' of theta is not finite after iteration 0"),
        (longtail, r"'classifier/body.block1.norm.running_var' of theta .* after iteration 0"),
    ],
    ids=["fewshot", "longtail"],
)
@pytest.mark.parametrize("stopped", [plan(1), plan(9, checkpoint_seconds=0)], ids=["end", "store"])
def test_a_theta_that_is_not_finite_is_neither_kept_nor_stored(make, words, stopped):
    assert np.isfinite(list(make().step(0, describe=True).values())).all()  # no loss shows it
    observer, progress = Stored(), Progress()
    with pytest.raises(DivergedError, match=words):
        fit(make(), stopped, progress, observer)
    assert not observer.states
    assert not progress.best_theta


def test_a_theta_that_the_next_iteration_refuses_has_diverged_at_the_last():
    with pytest.raises(DivergedError, match=r"'body.weight' of theta .* after iteration 0"):
        fit(fewshot(3e38), plan(9), Progress(), Stored())


def test_a_score_that_is_no_number_is_not_taken_for_the_best():
    learner, progress = fewshot(0.1, lambda theta: {"validation/score": float("nan")}), Progress()
    with pytest.raises(DivergedError, match="validation/score is nan at iteration 1"):
        fit(learner, plan(2), progress, Stored())
    assert not progress.best_theta


def test_a_classifier_whose_statistics_overflow_is_refused():
    chance = np.random.default_rng(0)
    images = chance.integers(0, 256, (4, 1, 16, 16), np.uint8)
    data = ImageSet(images, np.arange(4) % 2, ("a", "b"))
    inner = small("conv4", 4, 2, {"channels": 1, "height": 16, "width": 16})
    network = Normalised(inner, [0.5], [1e-25])  # a variance beyond float32, a loss within it
    options = Options(
        task="t", source="lazyleap/models", architecture="conv4", width=4, epochs=1, batch=4,
        lr=1e-3, seed=0,
    )  # fmt: skip
    with pytest.raises(DivergedError, match=r"'network.*running_var' is not finite after 1 steps"):
        fit_classifier(network, data, np.arange(4), options, lambda *_: None)


def test_the_first_name_that_is_not_finite():
    good = {"a": torch.ones(2), "count": torch.tensor(3), "empty": torch.empty(0)}
    assert not_finite(good) is None
    assert not_finite(good | {"b": torch.tensor([1, torch.inf])}) == "b"
    assert not_finite({"half": torch.full((99,), 6e4).half()}) is None  # though its square is not
