"""How far estimators are from the exact gradient: each number written out in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lazyleap import Exact, InputError
from lazyleap.fidelity import candidates, compare
from tests import reference
from tests.cases import Case
from tests.reference import flatten

K = 6
CASE = Case("maml", "perceptron")
TAUGHT = {
    "one leap, start": [0],
    "one leap, end": [K - 1],
    "2 leaps": [0, 3],
    "3 leaps": [0, 2, 4],
    "first 3 steps": [0, 1, 2],
}


def each(program, tasks):
    return [flatten(reference.gradient(program(task), CASE.theta())) for task in tasks]


def wanted():
    """Gradients of each task by name of the estimator, straight from the definitions."""
    tasks, theta = CASE.tasks(K, n=4, same_batch=True), CASE.theta()
    found = {"exact": each(lambda task: reference.unrolled(CASE.plain, task), tasks)}
    found["first order"] = each(lambda task: reference.held(CASE.plain, theta, task), tasks)
    for name, steps in TAUGHT.items():
        found[name] = each(
            lambda task, steps=steps: reference.taught(CASE.plain, theta, task, steps), tasks
        )
    return found


def test_cosine_and_ratio_are_means_over_tasks_of_each_one_s():
    found = compare(CASE.problem, CASE.theta(), CASE.tasks(K, n=4, same_batch=True))
    rows = {row.estimator: row for row in found}
    assert [*rows] == ["exact", *candidates(K)]
    known = wanted()
    for name, grads in known.items():
        pairs = list(zip(grads, known["exact"], strict=True))
        cosines = np.array([float(torch.cosine_similarity(a, b, dim=0)) for a, b in pairs])
        half = 3.182446 * cosines.std(ddof=1) / 2  # Student's t, 3 degrees of freedom
        row = rows[name]
        assert row.cosine == pytest.approx(cosines.mean(), abs=1e-9)
        assert row.ratio == pytest.approx(
            np.mean([float(a.norm() / b.norm()) for a, b in pairs]), rel=1e-9
        )
        assert row.low == pytest.approx(cosines.mean() - half, abs=1e-6)
        assert row.high == pytest.approx(min(1.0, cosines.mean() + half), abs=1e-6)
        assert row.cpu_ms > 0
    assert rows["first order"].min_factor is None
    assert rows["one leap, start, secants"].min_factor < 1
    assert rows["one leap, start, secants"].cosine > rows["one leap, start"].cosine


def test_what_is_heard_along_the_path_is_compared_with_the_exact_gradient_of_the_same():
    theta, tasks = CASE.theta(), CASE.tasks(K, n=1, same_batch=True)
    rows = {row.estimator: row for row in compare(CASE.problem, theta, tasks, [2, K])}
    first = candidates(K, [2, K])["first order"](CASE.problem, theta, tasks).grad
    exact = Exact(listen=[2, K])(CASE.problem, theta, tasks).grad
    cosine = torch.cosine_similarity(flatten(first), flatten(exact), dim=0)
    assert rows["first order"].cosine == pytest.approx(float(cosine), abs=1e-12)
    assert rows["first order"].low is None  # a single task


def test_what_does_not_go_with_the_problem_says_why_and_the_others_are_compared():
    found = compare(CASE.problem, CASE.theta(), CASE.tasks(K, n=2))
    refused = {row.estimator: row.refused for row in found if row.refused}
    assert [*refused] == [
        f"{steps}, {rest}"
        for rest in ("secants", "signed secants")
        for steps in ("one leap, start", "3 leaps", "first 3 steps")
    ]
    assert all("needs one batch at every inner step" in words for words in refused.values())
    assert sum(row.cosine is not None for row in found) == len(found) - 6


def test_a_gradient_of_zero_compares_with_nothing():
    case = Case("maml", "quadratic")
    (task,) = case.tasks(K, n=1, same_batch=True)
    task.outer.inputs.mul_(0)  # its loss depends on nothing
    with pytest.raises(InputError, match="zero or not finite"):
        compare(case.problem, case.theta(), [task])


@pytest.mark.parametrize(("steps", "leaps"), [(1, []), (3, [2]), (4, [2, 3])])
def test_no_more_leaps_than_leave_a_step_to_leap_over(steps, leaps):
    assert [m for m in (2, 3) if f"{m} leaps" in candidates(steps)] == leaps
