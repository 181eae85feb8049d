"""What the estimators must share, whatever the problem (docs/method.md, "Identities")."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from lazyleap import MAML, Batch, Exact, FirstOrder, Lazy, Task, Unrolled
from lazyleap.algorithms import SGD
from tests import reference
from tests.cases import CASES, CURVED, generator
from tests.reference import assert_same

K = 4
LAZY = [
    Lazy(),
    Lazy(placement="end"),
    Lazy(leaps=2),
    Lazy(leaps=3, placement="end"),
    Lazy(leaps=2, placement="tail"),
    Lazy(leaps=3, placement=[0, 1, 3]),
]


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=str)


def reached(result):
    return [{n: p for n, p in path.end.items() if "momentum" not in n} for path in result.paths]


# 1. At k = 1 lazy, exact and unrolled are one.


@each(CASES)
@pytest.mark.parametrize("placement", ["start", "end", "tail", [0]], ids=str)
def test_1_one_step_makes_lazy_exact_and_unrolled_one(case, placement):
    problem, theta, tasks = case.problem, case.theta(), case.tasks(1)
    expected = Unrolled()(problem, theta, tasks)
    for estimator in (Lazy(placement=placement), Exact()):
        found = estimator(problem, theta, tasks)
        torch.testing.assert_close(found.loss, expected.loss, rtol=1e-13, atol=0)
        assert_same(found.grad, expected.grad, rtol=1e-12)


@each(CASES)
def test_1_one_step_leaves_lam_nothing_to_shorten(case):
    problem, theta, tasks = case.problem, case.theta(), case.tasks(1)
    found = Lazy(placement="end", lam=0.3)(problem, theta, tasks)
    assert_same(found.grad, Exact()(problem, theta, tasks).grad, rtol=1e-12)


# 2. At lam = 1 all of them end at the student's s_k, and so agree on the outer loss.


@each(CASES)
def test_2_every_estimator_ends_where_the_student_does(case):
    problem, theta, tasks = case.problem, case.theta(), case.tasks(K)
    s_k = [reference.end(case.plain, theta, task) for task in tasks]
    loss = torch.stack([reference.unrolled(case.plain, task)(theta) for task in tasks]).mean()
    for estimator in (*LAZY, FirstOrder(), Exact(), Unrolled()):
        found = estimator(problem, theta, tasks)
        torch.testing.assert_close(found.loss, loss, rtol=1e-12, atol=0)
        for here, there in zip(reached(found), s_k, strict=True):
            assert_same(here, there, rtol=1e-12)


# 3. leaps = k, exact and unrolled are the true gradient.


@each(CASES)
def test_3_exact_unrolled_and_k_leaps_are_the_true_gradient(case):
    problem, theta, tasks = case.problem, case.theta(), case.tasks(K)
    programs = [reference.unrolled(case.plain, task) for task in tasks]
    jacrev = reference.mean([reference.gradient(f, theta) for f in programs])
    for placement in ("start", "end", "tail", range(K)):
        assert_same(Lazy(K, placement)(problem, theta, tasks).grad, jacrev)
    assert_same(Exact()(problem, theta, tasks).grad, jacrev)
    assert_same(Unrolled()(problem, theta, tasks).grad, jacrev)


@each(CASES)
def test_3_the_true_gradient_by_finite_differences(case):
    problem, theta, tasks = case.problem, case.theta(), case.tasks(3, n=1)
    slopes = reference.finite_differences(reference.unrolled(case.plain, tasks[0]), theta)
    assert_same(Exact()(problem, theta, tasks).grad, slopes, rtol=1e-6, atol=1e-8)


# 4. One leap: the factor I - alpha H(p), and what the step at p owes theta directly.


@dataclass(frozen=True)
class Towards:
    """Judged by ``<v, phi_k>``, so that the meta-gradient is ``v @ d phi_k / d theta``."""

    problem: MAML
    v: dict[str, torch.Tensor]

    def __getattr__(self, name):
        return getattr(self.problem, name)

    def outer_loss(self, phi, theta, batch):
        return sum((phi[n] * v).sum() for n, v in self.v.items())


@each([case for case in CURVED if not case.momentum])
@pytest.mark.parametrize("placement", ["start", "end"])
def test_4_one_leap_has_one_curvature_factor(case, placement):
    theta, (task,) = case.theta(), case.tasks(K, n=1)
    plain = case.plain
    j = 0 if placement == "start" else K - 1
    p = reference.path(plain, theta, task.inner)[j][0]
    p0, t0 = reference.flatten(p), reference.flatten(theta)
    v = generator(3)(len(p0))

    def direction(flat_p, flat_t):
        state, there = (reference.unflatten(flat_p, p), {}), reference.unflatten(flat_t, theta)
        return reference.flatten(plain.direction(state, there, task.inner[j]))

    def start(flat_t):
        return reference.flatten(plain.start(reference.unflatten(flat_t, theta)))

    hessian, mixed = torch.func.jacrev(direction, argnums=(0, 1))(p0, t0)
    dinit = torch.func.jacrev(start)(t0)
    g = direction(p0, t0)
    rates, drates = torch.full_like(g, plain.rate), torch.zeros_like(dinit)
    if case.algorithm == "meta_sgd":
        rates, drates = t0[len(g) :], torch.cat([torch.zeros_like(hessian), torch.eye(len(g))], 1)
    identity = torch.eye(len(g), dtype=g.dtype)
    jacobian = (
        (identity - rates.diag() @ hessian) @ dinit  # (I - alpha H(p)) d init
        - g.diag() @ drates.to(g)  # d update / d theta: -diag(g) into the rates
        - rates.diag() @ mixed  # - alpha d inner_grad / d theta
    )
    problem = Towards(case.problem, reference.unflatten(v, p))
    found = Lazy(placement=placement)(problem, theta, [task]).grad
    assert_same(found, reference.unflatten(v @ jacobian, theta))


# 5. Isotropic quadratic: all gradients with respect to the start are parallel.


@pytest.mark.parametrize("k", [2, 5])
def test_5_isotropic_curvature_makes_them_parallel_in_a_known_ratio(k):
    h, alpha, draw = 0.7, 0.4, generator(4)
    centres, theta, a = [draw(3) for _ in range(k)], {"w": draw(3)}, draw(3)

    def loss(w, target):  # the inner losses; any outer loss will do
        return h / 2 * (w - target).square().sum() if target is not a else (a * w.exp()).sum()

    problem = MAML(lambda p, inputs: p["w"], alpha, loss=loss)
    tasks = [Task([Batch(None, c) for c in centres], Batch(None, a))]
    base = FirstOrder()(problem, theta, tasks).grad["w"]
    lazy = [(Lazy(m, where), m) for m in range(1, k + 1) for where in ("start", "end", "tail")]
    for estimator, taken in [*lazy, (Exact(), k), (Unrolled(), k)]:
        found = estimator(problem, theta, tasks).grad["w"]
        torch.testing.assert_close(found, (1 - alpha * h) ** taken * base, rtol=1e-12, atol=1e-14)


def test_5_needs_isotropy():
    draw = generator(4)
    theta, centre, curvature = {"w": draw(3)}, draw(3), torch.tensor([0.2, 0.7, 1.5]).double()
    problem = MAML(
        lambda p, scale: scale * p["w"],
        0.4,
        loss=lambda w, target: (w - target).square().sum(),
        optimizer=SGD(),
    )
    tasks = [Task([Batch(curvature, centre)] * 3, Batch(1.0, draw(3)))]
    first = FirstOrder()(problem, theta, tasks).grad["w"]
    lazy = Lazy()(problem, theta, tasks).grad["w"]
    assert torch.cosine_similarity(first, lazy, dim=0) < 0.999
