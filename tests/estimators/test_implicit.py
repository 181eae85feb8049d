"""implicit against dense linear algebra, and against what it approximates."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lazyleap import Exact, Implicit
from lazyleap.errors import InputError
from lazyleap.estimators.implicit import Proximal, conjugate_gradient
from tests import reference
from tests.cases import CASES, Case, generator
from tests.reference import assert_same

RHO, MANY = 2.0, 60
ACCEPTED = [case for case in CASES if case.algorithm != "meta_sgd"]
STEADY = [case for case in ACCEPTED if not case.momentum]


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=str)


@each(ACCEPTED)
def test_the_dense_solve_at_the_students_end(case):
    theta, tasks = case.theta(), case.tasks(4, same_batch=True)
    expected = [reference.implicit(case.plain, theta, task, RHO) for task in tasks]
    found = Implicit(rho=RHO, cg_steps=MANY)(case.problem, theta, tasks)
    assert_same(found.grad, reference.mean(expected), rtol=1e-8)
    proximal = replace(case.plain, rho=RHO)
    for path, task in zip(found.paths, tasks, strict=True):
        s_k = reference.end(proximal, theta, task)
        assert_same({n: path.end[n] for n in s_k}, s_k)


@each(STEADY)
def test_at_the_optimum_it_is_the_true_gradient(case):
    """The solver has converged: iMAML, the unrolled tape and finite differences are one."""
    theta, (task,) = case.theta(), case.tasks(150, n=1, same_batch=True)
    found = Implicit(rho=RHO, cg_steps=MANY)(case.problem, theta, [task]).grad
    assert_same(found, Exact()(Proximal(case.problem, RHO), theta, [task]).grad, rtol=1e-7)


@each([case for case in STEADY if case.network == "quadratic"])
def test_at_the_optimum_by_finite_differences(case):
    theta, (task,) = case.theta(), case.tasks(60, n=1, same_batch=True)
    found = Implicit(rho=RHO, cg_steps=MANY)(case.problem, theta, [task]).grad
    program = reference.unrolled(replace(case.plain, rho=RHO), task)
    assert_same(found, reference.finite_differences(program, theta), rtol=1e-6, atol=1e-8)


def test_stiff_proximity_is_first_order_at_the_start():
    """rho -> infinity: phi stays at theta and (I + H / rho)^-1 is the identity."""
    case = Case("maml", "perceptron")
    theta, (task,) = case.theta(), case.tasks(5, n=1, same_batch=True)
    problem = replace(case.problem, inner_lr=1e-7)
    found = Implicit(rho=1e7, cg_steps=MANY)(problem, theta, [task]).grad
    expected = torch.func.grad(case.plain.risk)(theta, theta, task.outer)
    assert_same(found, expected, rtol=1e-4, atol=1e-6)


def test_another_batch_at_another_step_is_refused():
    case = Case("maml", "perceptron")
    with pytest.raises(InputError, match="Implicit needs one batch"):
        Implicit()(case.problem, case.theta(), case.tasks(2))


def system(n, seed=5):
    draw = generator(seed)
    a = draw(n, n)
    return a @ a.T + 0.5 * torch.eye(n).double(), {"x": draw(2), "y": draw(n - 2)}


def multiplied(matrix, like):
    return lambda x: reference.unflatten(matrix @ reference.flatten(x), like)


@pytest.mark.parametrize("n", [3, 12])
def test_conjugate_gradient_solves_in_as_many_steps_as_unknowns(n):
    matrix, b = system(n)
    solution = reference.unflatten(torch.linalg.solve(matrix, reference.flatten(b)), b)
    assert_same(conjugate_gradient(multiplied(matrix, b), b, n), solution, rtol=1e-7, atol=1e-9)
    # more steps than it needs do no harm
    assert_same(conjugate_gradient(multiplied(matrix, b), b, 9 * n), solution, rtol=1e-8)


def test_truncated_conjugate_gradient_is_best_in_its_krylov_space():
    matrix, b = system(12)
    flat, steps = reference.flatten(b), 4
    krylov = [flat]
    for _ in range(steps - 1):
        krylov.append(matrix @ krylov[-1])
    q, _ = torch.linalg.qr(torch.stack(krylov, dim=1))
    best = q @ torch.linalg.solve(q.T @ matrix @ q, q.T @ flat)
    found = conjugate_gradient(multiplied(matrix, b), b, steps)
    assert_same(found, reference.unflatten(best, b), rtol=1e-7)


def test_conjugate_gradient_of_zero_is_zero_and_negative_curvature_stops_it():
    matrix, b = system(5)
    zero = {n: torch.zeros_like(p) for n, p in b.items()}
    assert_same(conjugate_gradient(multiplied(matrix, b), zero, 5), zero)
    stopped = conjugate_gradient(multiplied(-matrix, b), b, 5)
    assert_same(stopped, zero)


def test_what_is_not_said_of_it_stays_as_it_was():
    """A default in code is no changed parameter: nothing would be run again."""
    assert Implicit() == Implicit(rho=2.0, cg_steps=5)
