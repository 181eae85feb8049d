"""Memory against the horizon, in bytes of living tensors: no tape but that of a few steps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks.alive import peak
from lazyleap import MAML, Batch, Exact, FirstOrder, Lazy, Task, Unrolled, functional

WIDTH, PIXELS = 16, 1024
SHORT, LONG = 8, 24
NETWORK = nn.Sequential(nn.Linear(2, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 3))
PROBLEM = MAML(functional(NETWORK), 0.01, loss=nn.functional.mse_loss)
THETA = PROBLEM.theta(NETWORK)
SET = 4 * sum(p.numel() for p in THETA.values())  # bytes of a parameter set
LAYER = 4 * PIXELS * WIDTH  # and of what one layer answers
ROUND = 64 * len(THETA)  # storages are rounded up


def growth(estimator):
    """Bytes a step of the horizon."""
    batch = Batch(torch.rand(PIXELS, 2), torch.rand(PIXELS, 3))

    def used(k):
        return peak(lambda: estimator(PROBLEM, THETA, [Task([batch] * k, batch)]))

    return (used(LONG) - used(SHORT)) / (LONG - SHORT)


@pytest.mark.parametrize(
    ("estimator", "sets"),
    [
        (FirstOrder(), 0),
        (Lazy(), 0),
        (Lazy(3), 0),
        (Lazy(rest="secants"), 2),
        (Exact(), 1),
    ],
    ids=str,
)
def test_a_step_more_costs_parameter_sets_and_no_activations(estimator, sets):
    assert 10 * (SET + ROUND) < LAYER
    assert 0 <= growth(estimator) <= sets * SET


def test_a_tape_across_steps_is_seen():
    assert growth(Unrolled()) > LAYER
