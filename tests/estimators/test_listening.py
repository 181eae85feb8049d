"""Listening along the path: ``1/m sum_i loss(phi_{l_i}, share_i)`` written out, in float64."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import torch

from lazyleap import MAML, Batch, Exact, FirstOrder, InputError, Lazy, Task, Unrolled
from lazyleap.estimators.listening import points, shares
from lazyleap.estimators.placement import teacher_steps
from lazyleap.estimators.secants import LEAST
from lazyleap.estimators.together import Together
from lazyleap.models import Conv4, functional
from tests import reference
from tests.cases import CASES, CURVED, Case, generator
from tests.estimators.test_secants import dense
from tests.reference import assert_same

K, LISTEN = 4, [1, 3, 4]
CASE = Case("maml", "perceptron")
LAZY = [
    Lazy(),
    Lazy(2, "end"),
    Lazy(2, "tail"),
    Lazy(2, [1, 2]),
    Lazy(placement="end", lam=0.4),
    Lazy(K),
]


def shared(task, listen=LISTEN):
    """The tasks of which the loss is the mean: the path up to each point, judged by every m-th."""
    m = len(listen)
    parts = [Batch(task.outer.inputs[i::m], task.outer.targets[i::m]) for i in range(m)]
    return [Task(task.inner[:at], part) for at, part in zip(listen, parts, strict=True)]


def heard(program, theta, tasks):
    """Value and gradient of the mean over tasks and points."""
    programs = [program(part) for task in tasks for part in shared(task)]
    value = torch.stack([f(theta) for f in programs]).mean()
    return value, reference.mean([reference.gradient(f, theta) for f in programs])


def check(found, program, theta, tasks):
    value, grad = heard(program, theta, tasks)
    torch.testing.assert_close(found.loss, value, rtol=1e-12, atol=0)
    assert_same(found.grad, grad)


def at_points(cases):
    return pytest.mark.parametrize("case", cases, ids=str)


@at_points(CASES)
@pytest.mark.parametrize("make", [Exact, Unrolled])
def test_all_steps_taken(case, make):
    theta, tasks = case.theta(), case.tasks(K)
    found = make(listen=LISTEN)(case.problem, theta, tasks)
    check(found, lambda part: reference.unrolled(case.plain, part), theta, tasks)


@at_points(CASES)
def test_no_step_taken(case):
    theta, tasks = case.theta(), case.tasks(K)
    found = FirstOrder(listen=LISTEN)(case.problem, theta, tasks)
    check(found, lambda part: reference.held(case.plain, theta, part), theta, tasks)


@at_points(CASES)
@pytest.mark.parametrize("estimator", LAZY, ids=lambda e: f"{e.leaps}-{e.placement}-{e.lam}")
def test_some_steps_taken(case, estimator):
    theta, tasks = case.theta(), case.tasks(K)
    lazy = replace(estimator, listen=LISTEN)
    steps = teacher_steps(K, lazy.leaps, lazy.placement, lazy.lam)

    def program(part):
        before = [j for j in steps if j < len(part.inner)]
        lam = lazy.lam if before else 1.0
        return reference.taught(case.plain, theta, part, before, lam)

    if lazy.lam == 1:
        check(lazy(case.problem, theta, tasks), program, theta, tasks)
    else:  # the end of the path is not the student's
        assert_same(lazy(case.problem, theta, tasks).grad, heard(program, theta, tasks)[1])


@pytest.mark.parametrize("listen", ["end", [2, 6], [1, 3, 4, 6]], ids=str)
@pytest.mark.parametrize("place", ["start", "end", "tail", [1, 2, 5]], ids=str)
@pytest.mark.parametrize("rest", LEAST)
@pytest.mark.parametrize("case", [c for c in CURVED if c.algorithm in ("maml", "anil")], ids=str)
def test_secants_stand_for_each_step_that_is_skipped(case, rest, place, listen):
    if case.momentum:
        with pytest.raises(InputError, match="rest 'secants' takes the change from step to step"):
            Lazy(rest=rest)(case.problem, case.theta(), case.tasks(6, same_batch=True))
        return
    theta, (task,) = case.theta(), case.tasks(6, n=1, same_batch=True)
    steps = teacher_steps(6, 3, place)
    s = [p for p, _ in reference.path(case.plain, theta, task.inner)]
    flat = [reference.flatten(p) for p in s]
    basis, values = dense([after - before for before, after in pairwise(flat)])
    basis = torch.tensor(basis)
    skip = torch.eye(len(flat[0])).double()
    skip += basis @ torch.diag(torch.tensor(values.clip(LEAST[rest], 1) - 1)) @ basis.T

    def step(p, t, j):
        here = reference.unflatten(p, s[0]), {n: 0 * q for n, q in s[0].items()}
        after, _ = case.plain.step(here, reference.unflatten(t, theta), task.inner[j])
        return reference.flatten(after)

    t = reference.flatten(theta)
    start = torch.func.jacrev(
        lambda t: reference.flatten(case.plain.start(reference.unflatten(t, theta)))
    )(t)
    parts = shared(task, [6] if listen == "end" else listen)
    total = torch.zeros_like(t)
    for part in parts:
        jacobian = start  # d phi_j / d theta
        for j in range(len(part.inner)):
            if j in steps:
                dp, dt = torch.func.jacrev(step, argnums=(0, 1))(flat[j], t, j)
                jacobian = dp @ jacobian + dt
            else:
                jacobian = skip @ jacobian

        def risk(p, t, part=part):
            trees = reference.unflatten(p, s[0]), reference.unflatten(t, theta)
            return case.plain.risk(*trees, part.outer)

        dp, dt = torch.func.grad(risk, argnums=(0, 1))(flat[len(part.inner)], t)
        total += (dp @ jacobian + dt) / len(parts)
    lazy = Lazy(3, place, rest=rest, listen=listen)
    found = lazy(case.problem, theta, [task])
    assert_same(found.grad, reference.unflatten(total, theta), rtol=1e-7, atol=1e-9)
    least = found.noted["leap/min_factor"].item()
    assert least == pytest.approx(min(values.min(), 1.0), rel=1e-6)


@pytest.mark.parametrize("rest", ["identity", *LEAST])
def test_side_by_side_is_one_after_the_other(rest):
    torch.manual_seed(0)
    net, draw = Conv4(3, channels=2, size=16, width=6).double(), generator(1)

    def batch(n):
        return Batch(draw(n, 2, 16, 16), torch.arange(n) % 3)

    tasks = [Task([batch(6)] * 5, batch(10)) for _ in range(3)]
    problem = MAML(functional(net), 0.05)
    theta = problem.theta(net)
    lazy = Lazy(2, rest=rest, listen=[2, 5])
    loop, together = (e(problem, theta, tasks) for e in (lazy, Together(lazy)))
    torch.testing.assert_close(together.loss, loop.loss, rtol=1e-12, atol=0)
    length = float(max(p.norm() for p in loop.grad.values()))
    assert_same(together.grad, loop.grad, rtol=1e-8, atol=1e-8 * length)
    assert together.noted.keys() == loop.noted.keys()
    for tag, value in loop.noted.items():
        torch.testing.assert_close(together.noted[tag], value, rtol=1e-8, atol=0)
    moved = Lazy(2, listen=[2, 5])(problem, theta, tasks).grad
    same = all(torch.equal(moved[n], p) for n, p in loop.grad.items())
    assert same == (rest == "identity")


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        ([], "wants 'end' or points of the path, such as"),
        ("start", "wants 'end' or points"),
        ([1.5, 4], "wants 'end' or points"),
        (["1"], "wants 'end' or points"),
        ([0, 4], "points of the path that rise from 1"),
        ([3, 3], "points of the path that rise from 1"),
        ([4, 3], "points of the path that rise from 1"),
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [Lazy, Exact, FirstOrder, Unrolled])
def test_points_that_fit_nothing_are_refused_at_construction(make, listen, words):
    with pytest.raises(InputError, match=words):
        make(listen=listen)


@pytest.mark.parametrize("make", [Lazy, Exact, FirstOrder, Unrolled])
def test_a_last_point_elsewhere_than_the_end_is_refused_when_called(make):
    words = r"listen \[1, 3\]: the last point is the end of the path, horizon = 4"
    with pytest.raises(InputError, match=words):
        make(listen=[1, 3])(CASE.problem, CASE.theta(), CASE.tasks(K))


@pytest.mark.parametrize("make", [Lazy, Exact, FirstOrder, Unrolled])
def test_a_path_that_is_still_short_is_heard_at_its_end_for_the_points_beyond(make):
    tasks = CASE.tasks(K)
    long, short = (
        make(listen=points)(CASE.problem, CASE.theta(), tasks) for points in ([1, 9, 12], [1, K])
    )
    for name, grad in short.grad.items():
        assert torch.equal(long.grad[name], grad)


@dataclass(frozen=True)
class Whole:
    """A batch with a word of its own on how it is split."""

    numbers: range

    def share(self, i, m):
        return Whole(self.numbers[i * len(self.numbers) // m : (i + 1) * len(self.numbers) // m])


def test_a_batch_of_another_kind_says_how_it_is_split():
    found = shares(CASE.problem, Whole(range(6)), (1, 4))
    assert {at: (s.batch.numbers, s.parts) for at, s in found.items()} == {
        1: (range(3), 2),
        4: (range(3, 6), 2),
    }


def test_inputs_in_a_dict_or_tuple_are_split_each():
    x, y = torch.arange(6), torch.arange(12).view(6, 2)
    second = shares(CASE.problem, Batch({"a": x, "b": (y, x)}, x), points([2, 5], 5))[5].batch
    assert second.targets.tolist() == [1, 3, 5]
    assert second.inputs["a"].tolist() == [1, 3, 5]
    assert second.inputs["b"][0].tolist() == [[2, 3], [6, 7], [10, 11]]


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (Batch(torch.ones(2, 3), torch.ones(2)), "which has 2 examples"),
        (Batch(torch.ones(6, 3), torch.tensor(1.0)), "its Tensor has no examples to split"),
        (Batch(torch.ones(6, 3), None), "its NoneType has no examples to split"),
        ("letters", "a str cannot be split: give it share"),
    ],
    ids=["few", "scalar", "none", "text"],
)
def test_a_batch_that_cannot_be_split_is_refused_before_any_work(batch, words):
    tasks = [task._replace(outer=batch) for task in CASE.tasks(K)]
    with pytest.raises(InputError, match=f"listening at 3 points splits the outer batch.*{words}"):
        Exact(listen=LISTEN)(CASE.problem, CASE.theta(), tasks)
