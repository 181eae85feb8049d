"""Pairs of image and gradient against their definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lazyleap.attack.goals import Goal
from lazyleap.attack.pairs import Pairs, pairs, sample, unit
from lazyleap.errors import InputError

WEIGHTS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def linear(images):
    return images.flatten(1) @ WEIGHTS


def pictures(n, seed=1):
    source = torch.Generator().manual_seed(seed)
    return torch.rand(n, 1, 2, 3, generator=source, dtype=torch.float64)


@pytest.mark.parametrize("targeted", [False, True])
def test_the_gradient_of_a_linear_classifier_is_a_difference_of_its_columns(targeted):
    images, labels = pictures(300), torch.arange(300) % 3  # more than one chunk
    found = pairs(linear, images, Goal(labels, targeted=targeted)).gradients
    scores = linear(images)
    for image in range(300):
        own = int(labels[image])
        rest = [c for c in range(3) if c != own]
        other = max(rest, key=lambda c: float(scores[image, c]))
        difference = WEIGHTS[:, own] - WEIGHTS[:, other]
        difference = -difference if targeted else difference
        expected = (difference / difference.abs().max()).view(1, 2, 3)
        torch.testing.assert_close(found[image], expected)


def test_a_classifiers_scale_leaves_no_trace():
    images, goal = pictures(5), Goal(torch.zeros(5, dtype=torch.long))
    one, thousand = (pairs(lambda x, s=s: s * linear(x), images, goal) for s in (1, 1000))
    torch.testing.assert_close(one.gradients, thousand.gradients)


def test_a_zero_gradient_stays_zero():
    gradients = torch.stack([torch.zeros(1, 2, 2), torch.full((1, 2, 2), -4.0)])
    torch.testing.assert_close(unit(gradients), torch.stack([gradients[0], gradients[1] / 4]))


def numbered(count, start):
    images = torch.arange(start, start + count, dtype=torch.float32)[:, None, None, None]
    return Pairs(images, -images)


def test_tasks_are_of_one_surrogate_with_support_and_query_apart():
    sets = [numbered(20, 0), numbered(20, 100), numbered(20, 200)]
    options = {"count": 6, "support": 4, "query": 5, "horizon": 3}
    tasks = sample(sets, **options, chance=np.random.default_rng(0))
    sources = [int(task.outer.inputs[0, 0, 0, 0]) // 100 for task in tasks]
    assert sorted(sources[:3]) == sorted(sources[3:]) == [0, 1, 2]
    for task, source in zip(tasks, sources, strict=True):
        assert len(task.inner) == 3
        assert all(batch is task.inner[0] for batch in task.inner)
        support, query = (
            set(batch.inputs.flatten().tolist()) for batch in (task.inner[0], task.outer)
        )
        assert (len(support), len(query), len(support & query)) == (4, 5, 0)
        assert {int(v) // 100 for v in support | query} == {source}
        torch.testing.assert_close(task.outer.targets, -task.outer.inputs)


def test_too_few_pairs_are_one_sentence():
    with pytest.raises(InputError, match=r"support 4 \+ query 5 pairs of 8 images"):
        sample(
            [numbered(8, 0)],
            count=1,
            support=4,
            query=5,
            horizon=1,
            chance=np.random.default_rng(0),
        )
