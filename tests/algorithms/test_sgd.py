"""The inner optimiser against torch.optim, and the linearity that first_order relies on."""

from __future__ import annotations

import pytest
import torch

from lazyleap.algorithms.sgd import SGD, parameters
from tests.cases import generator
from tests.reference import assert_same


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_five_steps_of_torch_sgd(momentum):
    draw, sgd = generator(0), SGD(momentum)
    start = {"a": draw(2, 3), "b": draw(4)}
    there = {n: p.clone().requires_grad_() for n, p in start.items()}
    theirs = torch.optim.SGD(there.values(), lr=0.1, momentum=momentum)
    phi = sgd.start(start)
    for _ in range(5):
        grad = {n: draw(*p.shape) for n, p in start.items()}
        phi = sgd.step(phi, grad, 0.1)
        for n, p in there.items():
            p.grad = grad[n]
        theirs.step()
    assert_same(parameters(phi), {n: p.detach() for n, p in there.items()}, rtol=1e-13)


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
