"""Inner optimisers against torch.optim, and the linearity that first_order relies on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lazyleap import Adam, Exact, FirstOrder, Implicit, Lazy, Reptile, Unrolled
from lazyleap.algorithms.sgd import SGD, parameters
from lazyleap.errors import InputError
from tests.cases import Case, generator
from tests.reference import assert_same, finite_differences

OPTIMIZERS = {
    "plain": (SGD(), torch.optim.SGD, {}),
    "momentum": (SGD(0.9), torch.optim.SGD, {"momentum": 0.9}),
    "decay": (SGD(0, 0.3), torch.optim.SGD, {"weight_decay": 0.3}),
    "both": (SGD(0.9, 0.3), torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.3}),
    "adam": (Adam(), torch.optim.Adam, {}),
    "adam, other constants": (Adam(0.5, 0.7), torch.optim.Adam, {"betas": (0.5, 0.7)}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_five_steps_of_torch(name):
    ours, kind, options = OPTIMIZERS[name]
    draw = generator(0)
    start = {"a": draw(2, 3), "b": draw(4)}
    there = {n: p.clone().requires_grad_() for n, p in start.items()}
    theirs = kind(there.values(), lr=0.1, **options)
    phi = ours.start(start)
    for _ in range(5):
        grad = {n: draw(*p.shape) for n, p in start.items()}
        phi = ours.step(phi, grad, 0.1)
        for n, p in there.items():
            p.grad = grad[n]
        theirs.step()
    near = 1e-7 if name.startswith("adam") else 1e-14  # eps stands elsewhere, see Adam
    assert_same(parameters(phi), {n: p.detach() for n, p in there.items()}, rtol=0, atol=near)


@pytest.mark.parametrize("optimizer", [SGD(0, 0.3), SGD(0.5, 0.3), Adam()], ids=str)
@pytest.mark.parametrize("algorithm", ["maml", "meta_sgd", "anil"])
def test_meta_gradients_through_it(optimizer, algorithm):
    """Leaps and all steps against autograd's own tape, that against finite differences."""
    case = Case(algorithm, "perceptron")
    problem, theta = replace(case.problem, optimizer=optimizer), case.theta()
    if isinstance(
        optimizer, Adam
    ):  # the first step is nearly the sign of a gradient: keep it small
        problem = replace(problem, inner_lr=0.02)
    tasks = case.tasks(3, n=1)
    expected = Unrolled()(problem, theta, tasks)
    for estimator in (Exact(), Lazy(3)):
        found = estimator(problem, theta, tasks)
        torch.testing.assert_close(found.loss, expected.loss, rtol=1e-12, atol=0)
        assert_same(found.grad, expected.grad, rtol=1e-9, atol=1e-12)
    slopes = finite_differences(lambda t: Unrolled()(problem, t, tasks).loss, theta)
    assert_same(expected.grad, slopes, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("optimizer", "estimator", "refused"),
    [
        (SGD(0.9), FirstOrder(), False),
        (SGD(0, 0.1), FirstOrder(), True),
        (Adam(), FirstOrder(), True),
        (SGD(0.9), Implicit(), False),
        (SGD(0, 0.1), Implicit(), True),
        (Adam(), Implicit(), False),
        (Adam(), Reptile(), False),
        (SGD(0, 0.1), Reptile(), False),
    ],
    ids=str,
)
def test_estimators_refuse_an_update_that_they_would_get_wrong(optimizer, estimator, refused):
    case = Case("maml", "perceptron")
    problem = replace(case.problem, optimizer=optimizer)
    tasks = case.tasks(2, same_batch=True)
    if not refused:
        assert estimator(problem, case.theta(), tasks)
        return
    with pytest.raises(InputError, match="does not go with MAML: it needs that"):
        estimator(problem, case.theta(), tasks)


def test_adams_small_number_stands_squared_inside_of_the_root():
    start, one = {"a": torch.zeros(3).double()}, {"a": torch.ones(3).double()}
    moved = Adam(eps=0.2).step(Adam().start(start), one, 0.1)
    assert_same({"a": moved["a"]}, {"a": -0.1 / 1.04**0.5 * one["a"]}, rtol=1e-12)


@pytest.mark.parametrize("key", ["beta1", "beta2"])
def test_adam_refuses_a_mean_of_the_first_direction_alone(key):
    assert Adam(**{key: 0.0})
    for value in (1.0, -0.1):
        with pytest.raises(InputError, match=f"{key} {value}: wants .* from 0 and below 1"):
            Adam(**{key: value})


def test_adam_has_a_gradient_where_a_direction_is_zero():
    phi = Adam().start({"a": torch.zeros(2, requires_grad=True)})
    moved = Adam().step(phi, {"a": torch.zeros(2, requires_grad=True)}, 0.1)
    moved["a"].sum().backward()
    assert moved["a"].isfinite().all()


def test_buffers_start_at_zero_and_are_there_only_with_momentum():
    start = {"a": torch.ones(2)}
    assert set(SGD().start(start)) == {"a"}
    phi = SGD(0.9).start(start)
    assert set(phi) == {"a", "momentum/a"}
    assert phi["momentum/a"].count_nonzero() == 0
    assert set(SGD(0.9).step(phi, start, 0.1)) == set(phi)
    assert set(parameters(phi)) == {"a"}


def test_a_tree_of_rates_is_a_rate_for_each_number():
    rate = {"a": torch.tensor([0.1, -0.2])}
    moved = SGD().step({"a": torch.zeros(2)}, {"a": torch.ones(2)}, rate)
    assert_same(moved, {"a": torch.tensor([-0.1, 0.2])})


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_step_is_linear_in_model_and_direction(momentum):
    draw, sgd = generator(1), SGD(momentum)
    a, b = (sgd.start({"a": draw(3)}) for _ in range(2))
    if momentum:
        a, b = ({**phi, "momentum/a": draw(3)} for phi in (a, b))
    g, h = {"a": draw(3)}, {"a": draw(3)}
    both = sgd.step({n: a[n] + 2 * b[n] for n in a}, {"a": g["a"] + 2 * h["a"]}, 0.3)
    apart = sgd.step(a, g, 0.3), sgd.step(b, h, 0.3)
    assert_same(both, {n: apart[0][n] + 2 * apart[1][n] for n in a}, rtol=1e-13)


def test_nothing_is_written_in_place():
    phi, grad = {"a": torch.ones(2), "momentum/a": torch.ones(2)}, {"a": torch.ones(2)}
    SGD(0.9).step(phi, grad, 0.1)
    assert all(bool((p == 1).all()) for p in (*phi.values(), *grad.values()))
