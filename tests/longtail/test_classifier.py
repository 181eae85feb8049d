"""The running classifier: it moves as torch's SGD does, and by real steps alone."""

from __future__ import annotations

from copy import deepcopy
from functools import partial

import pytest
import torch
from torch.nn import functional

from lazyleap.algorithms import Reweight, WeightNet
from lazyleap.bilevel import Batch
from lazyleap.errors import DivergedError
from lazyleap.estimators import Exact, Lazy, MetaGradient, Path, Unrolled
from lazyleap.longtail.classifier import Classifier, Descent
from lazyleap.longtail.learned import Ahead, Examples, Net
from lazyleap.longtail.learner import WeightedLearner
from lazyleap.longtail.means import ClassMeans
from lazyleap.models import Conv4
from lazyleap.models import functional as as_function
from lazyleap.training.outer import OuterOptimizer
from lazyleap.trees import copy
from tests.longtail.problems import OUTER, batch, net_start, stream

CLASSES, STEPS = 3, 30
ESTIMATORS = {"lazy": Lazy(placement="end"), "exact": Exact(), "unrolled": Unrolled()}


def network(*, running: bool) -> Conv4:
    torch.manual_seed(0)
    return Conv4(
        CLASSES, channels=1, size=16, width=4, downsample="stride", running=running
    ).double()


def descent(**changes) -> Descent:
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-3, "warmup": 0.2}
    options |= {"milestones": (0.5, 0.8), "decay": 0.1, "iterations": STEPS}
    return Descent(**options | changes)


def rate(step: int) -> float:
    """By hand: six steps of warm-up, a tenth from step 15 on, a hundredth from 24."""
    if step < 6:
        return 0.1 * (step + 1) / 6
    return 0.1 if step < 15 else 0.01 if step < 24 else 0.001


def shares(losses: torch.Tensor) -> torch.Tensor:
    return torch.linspace(0.5, 1.5, len(losses)).double() / len(losses)


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(logits, labels, reduction="none")


def test_it_moves_as_torchs_sgd_with_momentum_decay_and_schedule():
    plain = network(running=True).train()
    state = Classifier(deepcopy(plain), descent())
    sgd = torch.optim.SGD(plain.parameters(), lr=1.0, momentum=0.9, weight_decay=5e-3)
    for i in range(STEPS):
        data = batch(i, CLASSES)
        state.step(i, data, cross_entropy, shares)
        sgd.param_groups[0]["lr"] = rate(i)
        sgd.zero_grad()
        losses = cross_entropy(plain(data.inputs), data.targets)
        (shares(losses) * losses).sum().backward()
        sgd.step()
    expected = plain.state_dict()
    assert expected.keys() == state.tree.keys()
    for name, tensor in state.tree.items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-9, atol=1e-11)


def test_weights_that_follow_the_losses_are_constants_of_the_step():
    data, plain = batch(0, CLASSES), network(running=True).train()
    state = Classifier(deepcopy(plain), descent(momentum=0.0, weight_decay=0.0))
    before = copy(state.parameters)
    state.step(7, data, cross_entropy, lambda each: each.square())
    each = cross_entropy(plain(data.inputs), data.targets)
    (each.detach().square() * each).sum().backward()
    for name, parameter in plain.named_parameters():
        moved = state.parameters[name] - before[name]
        torch.testing.assert_close(moved, -0.1 * parameter.grad, rtol=1e-9, atol=1e-12)


def weighted(kind: str, estimator, horizon: int, patience: int = 50) -> WeightedLearner:
    torch.manual_seed(0)
    state = Classifier(network(running=True), descent())
    means = ClassMeans(CLASSES, 0.9, torch.device("cpu"))
    means.values = means.values.double()
    data = stream(CLASSES)
    ahead = Ahead(data, data, horizon, "last")
    forward = as_function(network(running=False))

    def problem(classifier=None, share=1.0):
        algorithm = Reweight if kind == "reweight" else WeightNet
        return algorithm(forward, classifier or {}, 0.1 * share)

    if kind == "reweight":
        weigher = Examples(problem, estimator, ahead, means, patience=patience)
    else:
        weigher = Net(problem, estimator, ahead, OuterOptimizer(net_start(), OUTER))
    return WeightedLearner(state, weigher, data, means, batch(99, CLASSES))


@pytest.mark.parametrize("kind", ["reweight", "weight_net"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_virtual_steps_leave_no_trace_in_the_classifier(kind, estimator):
    """Statistics are those of a network that saw the real batches alone, to the last bit."""
    learner = weighted(kind, ESTIMATORS[estimator], 3)
    alone = network(running=True).train().to(memory_format=torch.channels_last)
    for i in range(6):
        before = learner.classifier.tree
        stored = copy(before)
        learner.weigher.learn(i, learner.classifier.parameters, 1.0)
        assert all(torch.equal(p, stored[n]) for n, p in learner.classifier.tree.items())
        assert learner.classifier.tree.keys() == stored.keys()
        alone.load_state_dict(stored)
        alone(learner.stream[i].inputs)  # moves the statistics of this one batch
        data = learner.stream[i]
        weigh = partial(learner.weigher.weights, i, labels=data.targets)
        learner.classifier.step(i, data, cross_entropy, weigh)
        for name, buffer in alone.named_buffers():
            assert torch.equal(learner.classifier.buffers[name], buffer), name


def test_statistics_do_not_depend_on_the_horizon_at_the_first_step():
    found = []
    for horizon in (1, 3, 6):
        learner = weighted("reweight", Lazy(placement="end"), horizon)
        learner.step(0, describe=False)
        found.append(learner.classifier.buffers)
    for other in found[1:]:
        assert all(torch.equal(p, other[n]) for n, p in found[0].items())


def test_answers_use_running_statistics_each_image_by_itself():
    learner = weighted("reweight", Exact(), 1)
    for i in range(4):
        learner.step(i, describe=False)
    images = batch(7, CLASSES).inputs
    whole = learner.classifier.answer(images)
    one = torch.cat([learner.classifier.answer(image[None]) for image in images])
    torch.testing.assert_close(one, whole, rtol=1e-12, atol=1e-12)


def test_a_step_that_is_not_finite_is_not_taken():
    state = Classifier(network(running=True), descent())
    before = copy(state.tree)
    broken = Batch(batch(0, CLASSES).inputs * float("inf"), batch(0, CLASSES).targets)
    state.step(0, broken, cross_entropy, shares)
    assert all(torch.equal(p, before[n]) for n, p in state.tree.items())


class Scripted:
    """Whether the examples of mini-batch i would have helped is known beforehand."""

    def __init__(self, *helps: bool) -> None:
        self.helps = list(helps)

    def __call__(self, problem, theta, tasks) -> MetaGradient:
        sign = -1.0 if self.helps.pop(0) else 1.0
        grad = {"eps": sign * torch.arange(len(theta["eps"])).double()}
        return MetaGradient(torch.ones(()), grad, [Path({"w": grad["eps"]}, {"w": grad["eps"]})])


def test_so_many_batches_in_a_row_without_a_weight_are_an_error_also_after_a_stop():
    learner = weighted("reweight", Scripted(False, False, True, False, False), 1, patience=3)
    found = [learner.step(i, describe=True) for i in range(5)]
    assert [f["weights/all_zero"] for f in found] == [1, 1, 0, 1, 1]
    assert [f["train/loss"] > 0 for f in found] == [False, False, True, False, False]
    again = weighted("reweight", Scripted(False), 1, patience=3)
    again.load_state(learner.state())
    again.step(5, describe=False)
    with pytest.raises(DivergedError, match="no example of 3 mini-batches in a row"):
        again.check()
