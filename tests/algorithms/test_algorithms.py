"""The four functions of each algorithm against their definitions."""

from __future__ import annotations

import pytest
import torch

from lazyleap import ANIL, MAML, Batch, MetaSGD
from lazyleap.algorithms import SGD
from lazyleap.bilevel import step
from tests.cases import ALGORITHMS, CASES, RATE, perceptron
from tests.reference import assert_same

each = pytest.mark.parametrize("case", CASES, ids=str)


def moved(case):
    """A point away from the start, buffers included."""
    problem, theta, (task,) = case.problem, case.theta(), case.tasks(2, n=1)
    return problem, theta, task, step(problem, problem.init(theta), theta, task.inner[0])


@each
def test_init_is_where_theta_says(case):
    phi = case.problem.init(case.theta())
    p, buffers = case.plain.init(case.theta())
    momentum = {f"momentum/{n}": b for n, b in buffers.items()} if case.momentum else {}
    assert_same(phi, {**p, **momentum}, rtol=0, atol=0)


@each
def test_inner_grad_is_the_gradient_of_the_support_loss(case):
    problem, theta, task, phi = moved(case)
    p = {n: phi[n] for n in case.plain.start(theta)}
    expected = torch.func.jacrev(case.plain.risk)(p, theta, task.inner[1])
    assert_same(problem.inner_grad(phi, theta, task.inner[1]), expected, rtol=1e-12)
    with torch.no_grad():
        found = problem.inner_grad(phi, theta, task.inner[1])
    assert_same(found, expected, rtol=1e-12)
    assert not any(g.requires_grad for g in found.values())


@each
def test_outer_loss_is_the_query_loss(case):
    problem, theta, task, phi = moved(case)
    p = {n: phi[n] for n in case.plain.start(theta)}
    found = problem.outer_loss(phi, theta, task.outer)
    torch.testing.assert_close(found, case.plain.risk(p, theta, task.outer), rtol=1e-13, atol=0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_cross_entropy_is_the_loss_unless_said_otherwise(algorithm):
    problem = ALGORITHMS[algorithm](perceptron, RATE)
    case = next(c for c in CASES if c.algorithm == algorithm and c.network == "perceptron")
    theta, (task,) = case.theta(), case.tasks(1, n=1)
    phi = problem.init(theta)
    logits = problem.predict(phi, theta, task.outer.inputs)
    expected = -logits.log_softmax(1)[torch.arange(5), task.outer.targets].mean()
    torch.testing.assert_close(problem.outer_loss(phi, theta, task.outer), expected)


def test_meta_sgd_theta_is_the_start_and_a_rate_for_each_number():
    start = {"a": torch.ones(2, 3), "b.weight": torch.zeros(4)}
    theta = MetaSGD(perceptron, 0.25).theta(start)
    rates = {"rate/a": torch.full((2, 3), 0.25), "rate/b.weight": torch.full((4,), 0.25)}
    assert_same(theta, {"init/a": start["a"], "init/b.weight": start["b.weight"], **rates})


def test_meta_sgd_at_uniform_rates_steps_as_maml():
    case = CASES[0]
    parameters, (task,) = case.theta(), case.tasks(1, n=1)
    meta_sgd, maml = MetaSGD(perceptron, RATE), MAML(perceptron, RATE)
    theta = meta_sgd.theta(parameters)
    found = step(meta_sgd, meta_sgd.init(theta), theta, task.inner[0])
    assert_same(found, step(maml, parameters, parameters, task.inner[0]), rtol=1e-13)


def test_anil_moves_the_head_alone_and_answers_with_the_whole_network():
    case = next(c for c in CASES if c.algorithm == "anil")
    problem, theta, (task,) = case.problem, case.theta(), case.tasks(1, n=1)
    phi = step(problem, problem.init(theta), theta, task.inner[0])
    assert set(phi) == {"head.weight", "head.bias"}
    answers = problem.predict(phi, theta, task.outer.inputs)
    torch.testing.assert_close(answers, perceptron({**theta, **phi}, task.outer.inputs))


def test_anil_with_everything_a_head_is_maml():
    case = CASES[0]
    theta, (task,) = case.theta(), case.tasks(1, n=1)
    anil, maml = ANIL(perceptron, RATE, head=""), MAML(perceptron, RATE)
    found = step(anil, anil.init(theta), theta, task.inner[0])
    assert_same(found, step(maml, maml.init(theta), theta, task.inner[0]))


def test_a_batch_may_have_any_targets_the_loss_takes():
    problem = MAML(lambda p, x: x @ p["w"], 0.5, loss=lambda y, t: (y - t).square().sum())
    theta, batch = {"w": torch.zeros(2, 3)}, Batch(torch.ones(1, 2), torch.ones(1, 3))
    phi = step(problem, problem.init(theta), theta, batch)
    assert_same(phi, {"w": torch.ones(2, 3)})


def test_an_integer_rate_is_a_rate():
    case = CASES[0]
    theta, (task,) = case.theta(), case.tasks(1, n=1)
    found, expected = (
        step(MAML(perceptron, rate, optimizer=SGD()), theta, theta, task.inner[0])
        for rate in (1, 1.0)
    )
    assert_same(found, expected, rtol=0)
