"""Which images an inner step sees: every one once before any again, in an order of its own."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lazyleap import Batch
from lazyleap.fewshot.minibatches import MiniBatches, inner, order


@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_every_image_comes_once_before_any_comes_again(steps, size, seed):
    rows = np.random.default_rng(seed).permutation(50)[:12].reshape(4, 3)
    found = order(rows, steps, size)
    assert found.shape == (steps, size)
    flat = found.ravel()
    for first in range(0, len(flat), 12):
        some = flat[first : first + 12]
        assert len(set(some.tolist())) == len(some)
        assert set(some.tolist()) <= set(range(12))
    assert np.array_equal(order(rows, steps + 3, size)[:steps], found)  # more steps add to them


def test_rounds_and_episodes_have_orders_of_their_own():
    rows = np.arange(12).reshape(4, 3)
    first, second = order(rows, 2, 12)
    assert (first != second).any()
    assert (order(rows + 1, 1, 12)[0] != first).any()
    times = sum(np.eye(12)[order(rows + i, 1, 12)[0]] for i in range(600)) / 600
    np.testing.assert_allclose(times, 1 / 12, atol=0.05)  # [place, image]: none is preferred


def test_a_step_has_the_images_and_labels_of_its_places():
    support = Batch(torch.arange(6.0)[:, None], torch.arange(6) // 2)
    places = np.array([[5, 0], [3, 1], [4, 2]])
    found = MiniBatches(support, places)
    assert len(found) == 3
    for batch, wanted in zip(found, places, strict=True):
        assert batch.inputs[:, 0].tolist() == wanted.tolist()
        assert batch.targets.tolist() == [place // 2 for place in wanted]
    assert torch.equal(found[1:][1].inputs, found[2].inputs)
    assert all(batch is support for batch in inner(support, places, 4, None))
