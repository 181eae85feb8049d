"""Guard: second-order gradients through batch statistics.

Through ``torch.vmap`` they are silently wrong by about 2e-3 for affine batch and layer norms (torch
2.13, also in float64). The estimators loop over tasks; this holds them to finite differences.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from lazyleap import MAML, Batch, Exact, Lazy, Task, Unrolled
from lazyleap.models import Conv4, functional, weights
from tests import reference
from tests.cases import generator

CLASSES, SIZE, RATE, K = 3, 16, 0.1, 2


def network(norm):
    torch.manual_seed(0)
    net = Conv4(CLASSES, size=SIZE, width=4, norm=norm).double()
    draw = generator(6)
    theta = {n: p + 0.1 * draw(*p.shape) for n, p in weights(net).items()}  # affine parts too
    return functional(net), theta


def tasks():
    draw, labels = generator(7), torch.arange(6) % CLASSES
    batches = [Batch(draw(6, 1, SIZE, SIZE), labels) for _ in range(2 * (K + 1))]
    return [Task(batches[:K], batches[K]), Task(batches[K + 1 : 2 * K + 1], batches[-1])]


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize(
    ("estimator", "steps"),
    [(Exact(), [0, 1]), (Unrolled(), [0, 1]), (Lazy(), [0]), (Lazy(placement="end"), [1])],
    ids=str,
)
def test_second_order_gradients_agree_with_finite_differences(norm, estimator, steps):
    forward, theta = network(norm)
    plain, draw, h = reference.Plain("maml", forward, F.cross_entropy, RATE), generator(8), 1e-6
    found = estimator(MAML(forward, RATE), theta, tasks()).grad
    programs = [reference.taught(plain, theta, task, steps) for task in tasks()]

    def mean(t):
        return torch.stack([program(t) for program in programs]).mean()

    for name, p in theta.items():  # one random direction in each parameter
        along = draw(*p.shape)
        up, down = ({**theta, name: p + sign * h * along} for sign in (1, -1))
        slope = (mean(up) - mean(down)) / (2 * h)
        torch.testing.assert_close((found[name] * along).sum(), slope, rtol=1e-5, atol=1e-7)
