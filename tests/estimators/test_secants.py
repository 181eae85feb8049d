"""The secants' map against dense float64 algebra."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from lazyleap.estimators.secants import CUT, _solve, fit
from lazyleap.models.layout import flat

N = 12


def descent(hessian, start, rate, k):
    """Directions of k steps of gradient descent on ``x' H x / 2``."""
    x, found = start, []
    for _ in range(k):
        found.append(hessian @ x)
        x = x - rate * found[-1]
    return found


def quadratic(rank, seed=0, top=8.0):
    draw = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(N, N, generator=draw, dtype=torch.float64))[0]
    values = torch.zeros(N, dtype=torch.float64)
    values[:rank] = torch.linspace(1, top, rank, dtype=torch.float64)
    start = torch.randn(N, generator=draw, dtype=torch.float64)
    return basis @ torch.diag(values) @ basis.T, start


def trees(vectors):
    return [{"a": v[:5].view(5, 1), "b": v[5:]} for v in vectors]


def dense(vectors):
    """Symmetric least squares by SciPy's Lyapunov solver, in the kept part of the span alone."""
    d = np.stack([v.numpy() for v in vectors], axis=1)
    lengths = np.linalg.norm(d[:, :-1], axis=0)
    a, b = d[:, :-1] / lengths, d[:, 1:] / lengths
    u, singular, _ = np.linalg.svd(a, full_matrices=False)
    u = u[:, singular**2 > CUT * singular[0] ** 2]
    a, b = u.T @ a, u.T @ b
    m = scipy.linalg.solve_continuous_lyapunov(a @ a.T, b @ a.T + a @ b.T)
    values, turn = np.linalg.eigh((m + m.T) / 2)
    return u @ turn, values


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_carry_is_the_dense_least_squares_map_for_gaps_of_any_length(low):
    draw = torch.Generator().manual_seed(3)
    vectors = [torch.randn(N, generator=draw, dtype=torch.float64) * 1.4**j for j in range(6)]
    v = torch.randn(N, generator=draw, dtype=torch.float64)
    basis, values = dense(vectors)
    assert values.min() < -1 < 0 < 1 < values.max()  # all clips are at work
    found = fit(torch.stack(vectors), low=low)
    assert found.least.item() == pytest.approx(values.min(), rel=1e-9)
    for steps in (1, 3, 8):
        factors = np.clip(values, low, 1) ** steps - 1
        wanted = v.numpy() + basis @ (factors * (basis.T @ v.numpy()))
        np.testing.assert_allclose(
            flat(found.carry(trees([v])[0], steps)), wanted, rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize(
    ("rank", "k", "rate", "low"),
    [(3, 8, 0.1, 0.0), (3, 5, 0.1, 0.0), (6, 8, 0.1, -1.0), (3, 8, 0.2, -1.0), (3, 5, 0.22, -1.0)],
)
def test_exact_for_a_quadratic_of_a_rank_below_the_horizon(rank, k, rate, low):
    """Signed, also where a step overshoots: the largest curvature is 8."""
    hessian, start = quadratic(rank)
    v = torch.arange(N, dtype=torch.float64) - 4
    found = fit(torch.stack(descent(hessian, start, rate, k)), low=low)
    factor = torch.eye(N, dtype=torch.float64) - rate * hessian
    for steps in (k - 2, k - 1):
        true = torch.linalg.matrix_power(factor, steps)
        torch.testing.assert_close(
            flat(found.carry(trees([v])[0], steps)), true @ v, rtol=1e-7, atol=1e-7
        )


def test_a_factor_below_zero_tells_of_a_rate_too_large_for_a_leap():
    hessian, start = quadratic(3)
    for rate in (0.1, 0.2):
        found = fit(torch.stack(descent(hessian, start, rate, 8)))
        assert found.least.item() == pytest.approx(1 - rate * 8.0, rel=1e-5)


def test_identity_where_there_is_no_pair_no_gap_or_no_movement():
    v = trees([torch.arange(N, dtype=torch.float64)])[0]
    hessian, start = quadratic(4)
    one, many = (fit(torch.stack(descent(hessian, start, 0.1, k))) for k in (1, 5))
    still = fit(torch.zeros(4, N, dtype=torch.float64))
    for found, steps in ((one, 7), (many, 0), (still, 3)):
        torch.testing.assert_close(flat(found.carry(v, steps)), flat(v), rtol=0, atol=0)


def test_tasks_in_a_leading_dimension_are_fitted_each_by_itself():
    paths = [descent(*quadratic(rank, seed=rank), 0.1, 6) for rank in (2, 4)]
    vs = [torch.arange(N, dtype=torch.float64) - i for i in range(2)]
    each = [fit(torch.stack(p)).carry(trees([v])[0], 4) for p, v in zip(paths, vs, strict=True)]
    steps = torch.stack([torch.stack(p) for p in paths])
    both = {n: torch.stack([trees([v])[0][n] for v in vs]) for n in ("a", "b")}
    found = fit(steps, batch_dims=1).carry(both, 4)
    for name in found:
        wanted = torch.stack([tree[name] for tree in each])
        torch.testing.assert_close(found[name], wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("apart", "factors"), [(1.0, [0.5, 1.0]), (4.0, [0.5, 0.5])])
def test_what_is_cut_is_measured_by_the_largest_eigenvalue(apart, factors):
    """Two directions of unit length: eigenvalues near 2 and of ``apart`` cuts; half is carried."""
    inner = torch.eye(2).double() + (1 - apart * CUT) * (1 - torch.eye(2).double())
    _, found = _solve(inner, inner / 2)
    assert found.tolist() == pytest.approx(factors, abs=1e-3)
