"""L2RW and Meta-Weight-Net against their definitions (docs/method.md, identity 6)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from lazyleap import Batch, Exact, Lazy, Task, Unrolled
from lazyleap.algorithms import SGD, Reweight, Weighted, WeightNet, weight_net
from lazyleap.algorithms.reweight import normalised, zero
from lazyleap.algorithms.weighting import in_order
from lazyleap.errors import InputError
from lazyleap.estimators.placement import with_taught
from tests.cases import NETWORKS, RATE, generator, perceptron
from tests.reference import assert_same, finite_differences, gradient

N = 6
TREES = ("last", "first")


def ingredients(k: int):
    """A running classifier, k mini-batches (the one at hand first), and a meta-batch."""
    draw, net = generator(5), NETWORKS["perceptron"]
    classifier = net.parameters(draw)
    return classifier, [net.batch(draw, N) for _ in range(k)], net.batch(draw, 8)


def fixed(batch: Batch, seed: int) -> Weighted:
    weights = generator(seed)(N).abs()
    return Weighted(*batch, weights / weights.sum())


def reweight_task(k: int, weighted_step: str):
    classifier, (now, *ahead), meta = ingredients(k)
    ahead = [fixed(batch, 10 + i) for i, batch in enumerate(ahead)]
    task = Task(in_order(Weighted(*now), ahead, weighted_step), meta)
    return Reweight(perceptron, classifier, RATE, weighted_step=weighted_step), zero(now), task


def net_task(k: int, weighted_step: str, **options):
    classifier, (now, *ahead), meta = ingredients(k)
    batches = [Weighted(*batch) for batch in ahead]
    draw = generator(7)
    theta = {n: draw(*p.shape) for n, p in weight_net.start(4).items()}
    task = Task(in_order(Weighted(*now), batches, weighted_step), meta)
    options["weighted_step"] = weighted_step
    return WeightNet(perceptron, classifier, RATE, **options), theta, task


# The oracle: nothing of lazyleap's, by torch.func.


def losses(p, batch):
    return functional.cross_entropy(perceptron(p, batch.inputs), batch.targets, reduction="none")


def weights_of(theta, batch, p):
    if batch.weights is not None:
        return batch.weights
    if "eps" in theta:
        return theta["eps"]
    hidden = torch.relu(losses(p, batch)[:, None] * theta["hidden.weight"].T + theta["hidden.bias"])
    return (1 / (1 + torch.exp(-hidden @ theta["output.weight"].T - theta["output.bias"])))[
        :, 0
    ] / N


def move(p, theta, batch):
    """``p - alpha sum_i w_i grad ce_i(p)``, from the Jacobian of the vector of losses."""
    jacobian, w = torch.func.jacrev(losses)(p, batch), weights_of(theta, batch, p)
    return {n: p[n] - RATE * torch.tensordot(w, j, dims=1) for n, j in jacobian.items()}


def judged(theta, classifier, task):
    p = classifier
    for batch in task.inner:
        p = move(p, theta, batch)
    return losses(p, task.outer).mean()


def truth(problem, task):
    return partial(judged, classifier=problem.classifier, task=task)


def taught(theta0, problem, task, steps):
    """Only ``steps`` see theta and the start; the others are displacements found at theta0."""
    s = [problem.classifier]
    for batch in task.inner:
        s.append(move(s[-1], theta0, batch))

    def outer(theta):
        p = s[0]
        for j, batch in enumerate(task.inner):
            leap = {n: p[n] + s[j + 1][n] - s[j][n] for n in p}
            p = move(p, theta, batch) if j in steps else leap
        return losses(p, task.outer).mean()

    return outer


def each_order(k):
    return pytest.mark.parametrize(("k", "weighted_step"), [(k, order) for order in TREES])


# L2RW


@pytest.mark.parametrize("k", [1, 3])
def test_6_reweight_at_zero_has_a_closed_form_that_all_estimators_share(k):
    problem, theta, task = reweight_task(k, "last")
    p = problem.classifier
    for batch in task.inner[:-1]:
        p = move(p, theta, batch)
    v = torch.func.grad(lambda q: losses(q, task.outer).mean())(p)  # at eps = 0, phi_k = p
    inner = torch.func.jacrev(losses)(p, task.inner[-1])
    products = [(j * v[n]).reshape(N, -1).sum(1) for n, j in inner.items()]
    expected = {"eps": -RATE * torch.stack(products).sum(0)}
    several = [Lazy(m, where) for m in range(1, k + 1) for where in ("start", "end", "tail")]
    # wherever its own steps are, the teacher takes the weighted one besides
    for estimator in (*several, Exact(), Unrolled()):
        found = estimator(problem, theta, [task])
        assert_same(found.grad, expected, rtol=1e-12, atol=1e-15)
        torch.testing.assert_close(found.loss, truth(problem, task)(theta), rtol=1e-13, atol=0)


def test_weights_learned_at_another_step_than_said_are_refused_not_zero():
    problem, theta, task = reweight_task(3, "first")
    with pytest.raises(InputError, match=r"theta\['eps'\] acts through .* such as 0, .*taught"):
        Lazy(placement="end")(replace(problem, weighted_step="last"), theta, [task])


@pytest.mark.parametrize(
    "estimator", [Lazy(), Lazy(placement="end"), Exact(), Unrolled()], ids=repr
)
def test_at_k_1_reweight_is_the_published_update(estimator):
    """Ren et al., algorithm 1, as they write it: a perturbed step, and its validation gradient."""
    problem, theta, task = reweight_task(1, "last")
    (now,) = task.inner

    def validation(eps):
        g = torch.func.grad(lambda p: (eps * losses(p, now)).sum())(problem.classifier)
        moved = {n: p - RATE * g[n] for n, p in problem.classifier.items()}
        return losses(moved, task.outer).mean()

    unclipped = -torch.func.grad(validation)(torch.zeros(N).double())
    published = torch.maximum(unclipped, torch.zeros(())) / unclipped.clamp(min=0).sum()
    assert 0 < int((published > 0).sum()) < N
    found = normalised(estimator(problem, theta, [task]).grad["eps"])
    torch.testing.assert_close(found, published, rtol=1e-11, atol=1e-14)


def test_reweight_weights_sum_to_one_or_are_all_zero():
    torch.testing.assert_close(
        normalised(torch.tensor([-3.0, 2, -1])), torch.tensor([0.75, 0, 0.25])
    )
    assert not normalised(torch.tensor([3.0, 0.0])).any()


@each_order(3)
def test_reweight_by_finite_differences(k, weighted_step):
    problem, theta, task = reweight_task(k, weighted_step)
    slopes = finite_differences(truth(problem, task), theta)
    for estimator in (Exact(), Unrolled()):
        assert_same(estimator(problem, theta, [task]).grad, slopes, rtol=1e-6, atol=1e-9)


# Meta-Weight-Net


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("weighted_step", TREES)
def test_weight_net_by_finite_differences(k, weighted_step):
    problem, theta, task = net_task(k, weighted_step)
    slopes = finite_differences(truth(problem, task), theta)
    for estimator in (Exact(), Unrolled(), *([Lazy()] if k == 1 else [])):
        assert_same(estimator(problem, theta, [task]).grad, slopes, rtol=1e-6, atol=1e-9)


def test_the_order_of_the_batches_matters():
    last, first = (Exact()(*net_task(3, order)[:2], [net_task(3, order)[2]]) for order in TREES)
    assert not torch.allclose(last.grad["hidden.weight"], first.grad["hidden.weight"], rtol=1e-3)


@each_order(3)
@pytest.mark.parametrize("make", [reweight_task, net_task])
@pytest.mark.parametrize("placed", [(0,), (1,), (2,)], ids=str)
def test_lazy_takes_its_steps_and_the_weighted_one(make, k, weighted_step, placed):
    problem, theta, task = make(k, weighted_step)
    steps = with_taught(placed, (0 if weighted_step == "first" else k - 1,))
    expected = gradient(taught(theta, problem, task, steps), theta)
    assert_same(Lazy(1, placed)(problem, theta, [task]).grad, expected)


def test_weights_are_constants_of_the_first_derivative():
    """Neither detached everywhere nor differentiated in the step: V moves with phi, not its sum."""
    problem, theta, task = net_task(1, "last")
    batch = task.inner[0]
    found = problem.inner_grad(problem.classifier, theta, batch)
    moved = move(problem.classifier, theta, batch)
    expected = {n: (p - moved[n]) / RATE for n, p in problem.classifier.items()}
    assert_same(found, expected, rtol=1e-10)
    whole = torch.func.grad(lambda p: (weights_of(theta, batch, p) * losses(p, batch)).sum())
    assert not torch.allclose(found["head.weight"], whole(problem.classifier)["head.weight"])


def test_momentum_of_the_virtual_steps_is_leapt_over_too():
    problem, theta, task = net_task(3, "last", optimizer=SGD(0.9))
    exact, unrolled = (e(problem, theta, [task]) for e in (Exact(), Unrolled()))
    assert_same(exact.grad, unrolled.grad)
    assert not torch.allclose(exact.loss, truth(problem, task)(theta))


@pytest.mark.parametrize("made", [Reweight, WeightNet])
def test_it_is_built_of_its_options_at_its_rate_unless_another_share_is_said(made):
    options = SimpleNamespace(inner_lr=0.4, weighted_step="first")
    problem = made.build(options, perceptron)
    assert (problem.inner_lr, problem.weighted_step, problem.classifier) == (0.4, "first", {})
    assert made.build(options, perceptron, {}, 0.25).inner_lr == 0.1
