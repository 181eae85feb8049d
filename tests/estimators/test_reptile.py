"""reptile: s_0 - s_k."""

from __future__ import annotations

import pytest
import torch

from lazyleap import Reptile
from tests import reference
from tests.cases import CASES
from tests.reference import assert_same

MAML_CASES = [case for case in CASES if case.algorithm in ("maml", "meta_attack")]


@pytest.mark.parametrize("case", MAML_CASES, ids=str)
@pytest.mark.parametrize("k", [1, 5])
def test_the_mean_displacement(case, k):
    theta, tasks = case.theta(), case.tasks(k, n=3)
    ends = [reference.end(case.plain, theta, task) for task in tasks]
    found = Reptile()(case.problem, theta, tasks)
    assert_same(found.grad, reference.mean([{n: theta[n] - s[n] for n in s} for s in ends]))
    losses = [reference.unrolled(case.plain, task)(theta) for task in tasks]
    torch.testing.assert_close(found.loss, torch.stack(losses).mean(), rtol=1e-12, atol=0)


def test_one_step_is_alpha_times_the_support_gradient():
    case = MAML_CASES[0]
    theta, (task,) = case.theta(), case.tasks(1, n=1)
    g = case.plain.direction((theta, {}), theta, task.inner[0])
    found = Reptile()(case.problem, theta, [task]).grad
    assert_same(found, {n: case.plain.rate * g[n] for n in g})
