"""An estimator gives numbers and leaves everything else as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lazyleap import Exact, FirstOrder, Implicit, Lazy, Reptile, Unrolled
from lazyleap.bilevel import Batch, Task
from lazyleap.errors import InputError
from tests.cases import CASES, REFUSED, Case
from tests.reference import assert_same, mean

K = 3
ESTIMATORS = {
    "first_order": FirstOrder(),
    "lazy": Lazy(2),
    "lazy-lam": Lazy(placement="end", lam=0.5),
    "exact": Exact(),
    "unrolled": Unrolled(),
    "reptile": Reptile(),
    "implicit": Implicit(cg_steps=3),
}
PAIRS = [
    pytest.param(case, estimator, id=f"{name}-{case}")
    for name, estimator in ESTIMATORS.items()
    for case in CASES
    if case.network != "quadratic" and (case.algorithm, name) not in REFUSED
]
PREPARED = {
    "constant": torch.clone,
    "requires-grad": lambda p: p.clone().requires_grad_(),
    "parameter": nn.Parameter,
}
every_pair = pytest.mark.parametrize(("case", "estimator"), PAIRS)
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)


def run(case, estimator, theta, n=2):
    same = isinstance(estimator, Implicit)
    return estimator(case.problem, theta, case.tasks(K, n, same_batch=same))


def tensors_of(result):
    yield result.loss
    yield from result.grad.values()
    for path in result.paths:
        for tree in (path.start, path.end, path.taken or {}):
            yield from tree.values()


@every_pair
def test_theta_is_left_as_it_is(case, estimator):
    theta = case.theta()
    before = {n: p.clone() for n, p in theta.items()}
    run(case, estimator, theta)
    assert_same(theta, before, rtol=0, atol=0)
    assert all(p.is_leaf and not p.requires_grad and p.grad is None for p in theta.values())


@every_pair
@pytest.mark.parametrize("prepare", PREPARED.values(), ids=PREPARED)
def test_outputs_have_no_graph_whatever_theta_is(case, estimator, prepare):
    theta = {n: prepare(p) for n, p in case.theta().items()}
    result = run(case, estimator, theta)
    assert not any(p.requires_grad for p in tensors_of(result))
    assert result.loss.shape == ()
    shapes = {n: p.shape for n, p in theta.items()}
    assert {n: p.shape for n, p in result.grad.items()} == shapes


@every_pair
def test_the_same_numbers_whatever_theta_is_and_under_no_grad(case, estimator):
    expected = run(case, estimator, case.theta())
    parameters = {n: nn.Parameter(p) for n, p in case.theta().items()}
    found = [run(case, estimator, parameters)]
    with torch.no_grad():
        found += [run(case, estimator, parameters), run(case, estimator, case.theta())]
    for result in found:
        torch.testing.assert_close(result.loss, expected.loss, rtol=0, atol=0)
        assert_same(result.grad, expected.grad, rtol=0, atol=0)
    assert all(p.requires_grad and p.grad is None for p in parameters.values())


@every_estimator
def test_the_gradient_flag_is_given_back(estimator):
    case = Case("maml", "perceptron")
    run(case, estimator, case.theta())
    assert torch.is_grad_enabled()


@every_pair
def test_the_mean_over_tasks(case, estimator):
    theta = case.theta()
    tasks = case.tasks(K, 3, same_batch=isinstance(estimator, Implicit))
    single = [estimator(case.problem, theta, [task]) for task in tasks]
    found = estimator(case.problem, theta, tasks)
    torch.testing.assert_close(found.loss, torch.stack([one.loss for one in single]).mean())
    assert_same(found.grad, mean([one.grad for one in single]), rtol=1e-12)
    assert len(found.paths) == 3


@every_estimator
def test_float32_stays_float32(estimator):
    case = Case("maml", "perceptron")
    theta = {n: p.float() for n, p in case.theta().items()}
    (double,) = case.tasks(1, 1)

    def single(batch):
        return Batch(batch.inputs.float(), batch.targets)

    task = Task([single(double.inner[0])] * 1, single(double.outer))
    estimator = Lazy() if isinstance(estimator, Lazy) else estimator
    result = estimator(case.problem, theta, [task])
    assert {p.dtype for p in tensors_of(result)} == {torch.float32}


@pytest.mark.parametrize("horizons", [(2, 5), (5, 2)], ids=str)
@pytest.mark.parametrize("estimator", [Exact(), Lazy(placement="end")], ids=str)
def test_tasks_of_different_horizons_are_refused_or_each_taken_by_its_own(estimator, horizons):
    case = Case("maml", "perceptron")
    theta, tasks = case.theta(), [case.tasks(k, 1)[0] for k in horizons]
    single = [estimator(case.problem, theta, [task]).grad for task in tasks]
    try:
        found = estimator(case.problem, theta, tasks).grad
    except InputError:
        return
    assert_same(found, mean(single), rtol=1e-12)
