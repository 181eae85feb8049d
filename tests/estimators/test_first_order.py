"""first_order: the whole tape, with every direction a constant."""

from __future__ import annotations

import pytest
import torch

from lazyleap import FirstOrder
from tests import reference
from tests.cases import CASES, Case
from tests.reference import assert_same


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("k", [1, 4])
def test_the_tape_with_held_directions(case, k):
    theta, tasks = case.theta(), case.tasks(k)
    programs = [reference.held(case.plain, theta, task) for task in tasks]
    found = FirstOrder()(case.problem, theta, tasks)
    torch.testing.assert_close(
        found.loss, torch.stack([f(theta) for f in programs]).mean(), rtol=1e-12, atol=0
    )
    assert_same(found.grad, reference.mean([reference.gradient(f, theta) for f in programs]))


@pytest.mark.parametrize("case", [c for c in CASES if c.network != "quadratic"], ids=str)
def test_finite_differences_with_held_directions(case):
    theta, tasks = case.theta(), case.tasks(3, n=1)
    slopes = reference.finite_differences(reference.held(case.plain, theta, tasks[0]), theta)
    found = FirstOrder()(case.problem, theta, tasks).grad
    assert_same(found, slopes, rtol=1e-6, atol=1e-8)


def outer_gradient(case, theta, task):
    s_k = reference.end(case.plain, theta, task)
    return torch.func.grad(case.plain.risk)(s_k, theta, task.outer)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_maml_gets_the_outer_gradient_at_the_students_end(momentum):
    case = Case("maml", "perceptron", momentum)
    theta, (task,) = case.theta(), case.tasks(4, n=1)
    found = FirstOrder()(case.problem, theta, [task]).grad
    assert_same(found, outer_gradient(case, theta, task))


def test_meta_sgd_rates_get_minus_the_summed_directions_times_v():
    case = Case("meta_sgd", "perceptron")
    theta, (task,) = case.theta(), case.tasks(4, n=1)
    v = outer_gradient(case, theta, task)
    s = reference.path(case.plain, theta, task.inner)
    g = [case.plain.direction(s[j], theta, batch) for j, batch in enumerate(task.inner)]
    expected = {"init/" + n: v[n] for n in v}
    expected |= {"rate/" + n: -sum(g_j[n] for g_j in g) * v[n] for n in v}
    assert_same(FirstOrder()(case.problem, theta, [task]).grad, expected)


def test_anil_body_is_learned_through_the_outer_loss_alone():
    case = Case("anil", "perceptron")
    theta, (task,) = case.theta(), case.tasks(4, n=1)
    s_k = reference.end(case.plain, theta, task)
    whole = torch.func.grad(case.plain.risk, argnums=1)
    expected = {**whole(s_k, theta, task.outer), **outer_gradient(case, theta, task)}
    assert_same(FirstOrder()(case.problem, theta, [task]).grad, expected)
