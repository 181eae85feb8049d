"""The outer descent: its rate, its clipping, Adam and SGD, and what a checkpoint of it holds."""

from __future__ import annotations

import math

import pytest
import torch

from lazyleap.training.outer import OuterOptimizer, OuterOptions, rate
from tests.cases import generator
from tests.oracles.outer import Descent
from tests.reference import assert_same

N, ALIVE = 12, torch.tensor(True)


@pytest.mark.parametrize(
    ("schedule", "done", "expected"),
    [
        ("constant", 0.99, 3.0),
        ("cosine", 0.0, 3.0),
        ("cosine", 0.25, 1.5 + 1.5 * math.sqrt(0.5)),
        ("cosine", 0.5, 1.5),
        ("cosine", 1.0, 0.0),
        ("step", 0.49, 3.0),
        ("step", 0.5, 0.3),
        ("step", 0.74, 0.3),
        ("step", 0.75, 0.03),
        ("step", 1.0, 0.03),
    ],
)
def test_rates_by_hand(schedule, done, expected):
    assert rate(3.0, schedule, done) == pytest.approx(expected, abs=1e-15)


def start():
    draw = generator(0)
    return {"a": draw(2, 3), "b": draw(4)}


def gradients(i: int):
    draw = generator(10 + i)
    return {"a": (i + 1) * draw(2, 3), "b": draw(4)}  # lengths from 1.5 to 30


def length(grad):
    return sum(g.square().sum() for g in grad.values()).sqrt()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("clip", [None, 8.0])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
def test_it_moves_as_written_out_also_from_a_stored_state(optimizer, clip, schedule):
    options = OuterOptions(optimizer, 0.2, schedule, clip, N)
    ours, theta = OuterOptimizer(start(), options), start()
    plain = Descent(optimizer, 0.2, schedule, clip, N)
    for i in range(N):
        if i == 5:
            state, ours = ours.state(), OuterOptimizer(gradients(99), options)
            ours.load_state(state)
        grad = gradients(i)
        used = ours.move(i, grad, length(grad), ALIVE)
        theta = plain.move(theta, grad, i)
        assert used == pytest.approx(rate(0.2, schedule, i / N))
        assert_same(ours.theta, theta, rtol=0, atol=1e-12)
    assert clip is None or 2 < plain.clips < N - 2


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_what_is_not_finite_moves_nothing(broken):
    ours = OuterOptimizer(start(), OuterOptions("adam", 0.2, "constant", None, N))
    ours.move(0, gradients(0), torch.tensor(1.0), ALIVE)
    before = {n: p.clone() for n, p in ours.theta.items()}
    wrong = {n: p * broken for n, p in gradients(1).items()}
    ours.move(1, wrong, torch.tensor(broken), ~ALIVE)
    assert_same(ours.theta, before, rtol=0, atol=0)


def test_theta_is_a_copy_without_a_tape():
    theta = start()
    ours = OuterOptimizer(theta, OuterOptions("sgd", 0.2, "constant", None, N))
    ours.move(0, gradients(0), torch.tensor(1.0), ALIVE)
    assert_same(theta, start(), rtol=0, atol=0)
    assert not any(p.requires_grad for p in ours.theta.values())
    assert not torch.equal(ours.theta["a"], theta["a"])


def test_a_gradient_of_zero_is_no_division_by_zero():
    ours = OuterOptimizer(start(), OuterOptions("sgd", 0.2, "constant", 1.0, N))
    ours.move(0, {n: 0 * p for n, p in start().items()}, torch.tensor(0.0), ALIVE)
    assert_same(ours.theta, start(), rtol=0, atol=0)
