"""Which steps the teacher should take, beside an exhaustive search written out in float64."""

from __future__ import annotations

import pytest
import torch

from lazyleap import InputError
from lazyleap.placing import Placed, place, worthiest
from tests import reference
from tests.cases import Case
from tests.reference import flatten

K = 6
CASE = Case("maml", "perceptron")


def cosine(tasks, steps: list[int]) -> float:
    """Mean over tasks of the cosine of a teacher's gradient to the exact one."""
    theta = CASE.theta()

    def grad(program):
        return flatten(reference.gradient(program, theta))

    found = [
        torch.cosine_similarity(
            grad(reference.taught(CASE.plain, theta, task, steps)),
            grad(reference.unrolled(CASE.plain, task)),
            dim=0,
        )
        for task in tasks
    ]
    return float(torch.stack(found).mean())


def test_each_step_more_is_the_one_that_brings_the_gradient_nearest():
    tasks = CASE.tasks(K, n=3, same_batch=True)
    found = place(CASE.problem, CASE.theta(), tasks, 3)
    chosen: list[int] = []
    for placed in found[1:]:
        tried = {j: cosine(tasks, sorted([*chosen, j])) for j in range(K) if j not in chosen}
        best = max(tried, key=tried.__getitem__)
        chosen = sorted([*chosen, best])
        assert list(placed.steps) == chosen
        assert placed.found.cosine == pytest.approx(tried[best], abs=1e-9)
    assert found[0].steps == ()
    assert [len(placed.steps) for placed in found] == [0, 1, 2, 3]
    rises = [placed.found.cosine for placed in found]
    assert rises == sorted(rises)


def test_there_are_no_more_steps_than_the_horizon_has():
    found = place(CASE.problem, CASE.theta(), CASE.tasks(2, n=1, same_batch=True), 5)
    assert [placed.steps for placed in found][-1] == (0, 1)
    assert found[-1].found.cosine == pytest.approx(1)


def test_what_is_worth_its_time_is_cosine_by_cpu_time():
    (none, *more) = place(CASE.problem, CASE.theta(), CASE.tasks(K, n=1, same_batch=True), 2)
    cheap = none.found._replace(cosine=0.5, cpu_ms=10.0)
    near = more[0].found._replace(cosine=0.9, cpu_ms=12.0)
    dear = more[1].found._replace(cosine=0.99, cpu_ms=30.0)
    found = [Placed((), cheap), Placed((0,), near), Placed((0, 1), dear)]
    assert worthiest(found).steps == (0,)
    assert worthiest(found).worth == pytest.approx(75)


def test_no_step_at_all_is_refused():
    with pytest.raises(InputError, match="place 0"):
        place(CASE.problem, CASE.theta(), CASE.tasks(K, n=1, same_batch=True), 0)
