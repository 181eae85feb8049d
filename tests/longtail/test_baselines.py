"""Weights and margins by rules, against their closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from lazyleap.longtail.baselines import Fixed, class_balanced, ldam_margins
from lazyleap.longtail.means import ClassMeans

COUNTS = torch.tensor([4990, 231, 49, 1])


def test_class_balanced_weights_are_inverse_effective_numbers_with_mean_one():
    beta = 0.99
    effective = [math.fsum(beta**j for j in range(n)) for n in COUNTS.tolist()]
    expected = torch.tensor([1 / e for e in effective], dtype=torch.float64)
    found = class_balanced(COUNTS, beta)
    torch.testing.assert_close(found.double(), expected / expected.mean(), rtol=1e-6, atol=0)


@pytest.mark.parametrize(("beta", "ratio"), [(0.0, 1.0), (1 - 1e-9, 4990.0)])
def test_class_balanced_goes_from_even_weights_to_inverse_frequency(beta, ratio):
    weights = class_balanced(COUNTS, beta)
    assert float(weights[3] / weights[0]) == pytest.approx(ratio, rel=1e-4)


def test_ldam_margins_fall_with_the_fourth_root_of_the_count():
    margins = ldam_margins(COUNTS, 0.5, 30.0)
    assert float(margins.max()) == pytest.approx(15.0)
    expected = [15.0 * n**-0.25 for n in COUNTS.tolist()]  # the smallest class has one image
    assert margins.tolist() == pytest.approx(expected)


def test_ldam_loss_is_that_of_its_authors():
    """``-log(exp(s (cos_y - d_y)) / (exp(s (cos_y - d_y)) + sum_other exp(s cos_j)))``."""
    chance = torch.Generator().manual_seed(0)
    cosines = torch.rand(12, 4, generator=chance, dtype=torch.float64) * 2 - 1
    labels = torch.arange(12) % 4
    largest, scale = 0.5, 30.0
    margin = [largest * (n / 1) ** -0.25 for n in COUNTS.tolist()]
    expected = []
    for cos, y in zip(cosines.tolist(), labels.tolist(), strict=True):
        own = math.exp(scale * (cos[y] - margin[y]))
        others = math.fsum(math.exp(scale * cos[j]) for j in range(4) if j != y)
        expected.append(-math.log(own / (own + others)))
    weigher = Fixed(torch.ones(4), margins=ldam_margins(COUNTS, largest, scale))
    found = weigher.losses(scale * cosines, labels)
    torch.testing.assert_close(found, torch.tensor(expected).double(), rtol=1e-6, atol=1e-6)


def test_a_weighted_step_is_torchs_weighted_cross_entropy():
    logits = torch.randn(9, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    labels, weights = torch.arange(9) % 4, class_balanced(COUNTS, 0.99)
    weigher = Fixed(weights)
    losses = weigher.losses(logits, labels)
    shares = weigher.weights(0, losses, labels)
    assert float(shares.sum()) == pytest.approx(1)
    expected = functional.cross_entropy(logits, labels, weight=weights.double())
    torch.testing.assert_close((shares * losses).sum(), expected)


def test_deferred_weights_count_from_their_step_on():
    weigher = Fixed(torch.tensor([1.0, 3.0]), since=10)
    losses, labels = torch.zeros(4), torch.tensor([0, 0, 0, 1])
    assert weigher.weights(9, losses, labels).tolist() == [0.25] * 4
    assert weigher.weights(10, losses, labels).tolist() == pytest.approx([1 / 6] * 3 + [0.5])


def test_class_means_by_hand():
    """n w of each class, averaged over its examples; a class that is not there keeps its mean."""
    means = ClassMeans(3, 0.75, torch.device("cpu"))
    labels = torch.tensor([0, 1, 0, 0])
    means.update(labels, torch.tensor([0.2, 0.5, 0.1, 0.2]))
    # class 0: 4 (.2 + .1 + .2) / 3 = 2/3; class 1: 4 x .5 = 2
    assert means.values.tolist() == pytest.approx([0.75 + 0.25 * 2 / 3, 0.75 + 0.25 * 2, 1.0])
    before = means.values
    means.update(labels, torch.zeros(4))
    assert torch.equal(means.values, before)
    found = means.of(torch.tensor([0, 2]))
    assert float(found.sum()) == pytest.approx(1)
    assert float(found[1] / found[0]) == pytest.approx(1 / float(before[0]))
