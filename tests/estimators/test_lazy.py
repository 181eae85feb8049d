"""lazy against the program it stands for: leaps with constant displacements, steps in the graph."""

from __future__ import annotations

import pytest
import torch

from lazyleap import Exact, Lazy
from lazyleap.errors import InputError
from tests import reference
from tests.cases import CASES, CURVED, Case
from tests.reference import assert_same

K = 5
PLACED = [
    (Lazy(), [0]),
    (Lazy(placement="end"), [4]),
    (Lazy(leaps=2), [0, 2]),
    (Lazy(leaps=3), [0, 1, 3]),
    (Lazy(leaps=2, placement="end"), [2, 4]),
    (Lazy(leaps=3, placement="end"), [1, 3, 4]),
    (Lazy(leaps=2, placement="tail"), [3, 4]),
    (Lazy(leaps=1, placement=[2]), [2]),
    (Lazy(leaps=3, placement=(0, 2, 3)), [0, 2, 3]),
]


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=str)


def expected(case, tasks, steps, lam=1.0, differentiate=reference.gradient):
    theta = case.theta()
    programs = [reference.taught(case.plain, theta, task, steps, lam) for task in tasks]
    value = torch.stack([f(theta) for f in programs]).mean()
    return value, reference.mean([differentiate(f, theta) for f in programs])


@each(CASES)
@pytest.mark.parametrize(("estimator", "steps"), PLACED, ids=str)
def test_value_and_gradient_wherever_the_teacher_steps(case, estimator, steps):
    tasks = case.tasks(K)
    value, grad = expected(case, tasks, steps)
    found = estimator(case.problem, case.theta(), tasks)
    torch.testing.assert_close(found.loss, value, rtol=1e-12, atol=0)
    assert_same(found.grad, grad)


@each(CASES)
@pytest.mark.parametrize("lam", [0.01, 0.5, 0.9])
def test_part_of_the_way(case, lam):
    tasks = case.tasks(K)
    value, grad = expected(case, tasks, [K - 1], lam)
    found = Lazy(placement="end", lam=lam)(case.problem, case.theta(), tasks)
    torch.testing.assert_close(found.loss, value, rtol=1e-12, atol=0)
    assert_same(found.grad, grad)


@each(CURVED)
@pytest.mark.parametrize("lam", [0.5, 1.0])
def test_finite_differences_with_the_displacement_held(case, lam):
    tasks = case.tasks(3, n=1)
    _, slopes = expected(case, tasks, [2], lam, reference.finite_differences)
    found = Lazy(placement="end", lam=lam)(case.problem, case.theta(), tasks)
    assert_same(found.grad, slopes, rtol=1e-6, atol=1e-8)


@each(CURVED)
def test_where_the_teacher_steps_matters(case):
    theta, tasks = case.theta(), case.tasks(K)
    grads = [
        reference.flatten(Lazy(placement=p)(case.problem, theta, tasks).grad)
        for p in ("start", "end", [2])
    ]
    grads.append(reference.flatten(Exact()(case.problem, theta, tasks).grad))
    for i, a in enumerate(grads):
        assert all(torch.dist(a, b) > 1e-3 * a.norm() for b in grads[:i])


def test_taken_is_the_sum_of_the_teachers_own_steps():
    case = Case("maml", "perceptron")
    theta, (task,) = case.theta(), case.tasks(K, n=1)
    s = reference.path(case.plain, theta, task.inner)
    (path,) = Lazy(2, "end")(case.problem, theta, [task]).paths
    assert_same(path.start, s[0][0])
    assert_same(path.taken, {n: s[3][0][n] - s[2][0][n] + s[5][0][n] - s[4][0][n] for n in s[0][0]})


@pytest.mark.parametrize(
    ("lazy", "horizon", "words"),
    [
        (Lazy(leaps=6), 5, "leaps 6: .* horizon = 5"),
        (Lazy(placement=[5]), 5, r"placement \[5\].* 0\.\.4"),
        (Lazy(), 0, "horizon 0"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_before_any_work(lazy, horizon, words):
    case = Case("maml", "perceptron")

    class Untouched:
        def __getattr__(self, name):
            raise AssertionError("work was done")

    with pytest.raises(InputError, match=words):
        lazy(Untouched(), case.theta(), case.tasks(horizon))
