"""Channels last: other strides, the same numbers; a tree as one vector and back."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from lazyleap.models.layout import as_last, channels_last, chosen, flat, shaped
from tests.cases import generator
from tests.reference import assert_same


@pytest.mark.parametrize("shape", [(3, 1, 4, 5), (3, 2, 4, 5), (5, 4, 1, 3), (2, 3)])
def test_the_same_numbers_with_channels_side_by_side(shape):
    numbers = generator(0)(*shape)
    found = channels_last(numbers)
    assert torch.equal(found, numbers)
    if len(shape) == 4:
        _, c, h, w = shape
        assert found.stride() == (c * h * w, 1, c * w, c)


@pytest.mark.parametrize("channels", [1, 3])
def test_convolutions_take_it_for_what_it_is(channels):
    draw = generator(0)
    x, w = draw(2, channels, 6, 6), draw(4, channels, 3, 3)
    y = F.conv2d(channels_last(x), channels_last(w), padding=1)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, F.conv2d(x, w, padding=1), rtol=1e-13, atol=1e-14)


def test_images_of_one_channel_are_seen_so_without_a_copy():
    images = generator(0)(3, 1, 4, 5)
    found = as_last(images)
    assert found.stride() == (20, 1, 5, 1)
    assert found.data_ptr() == images.data_ptr()
    assert torch.equal(found, images)
    assert as_last(found) is found


@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (3, 1, 4), (3, 4)])
def test_nothing_else_is_touched(shape):
    other = generator(0)(*shape)
    assert as_last(other) is other
    apart = generator(0)(3, 1, 4, 5)[..., ::2]
    assert as_last(apart) is apart
    assert as_last(words := {"images": apart}) is words


def tree():
    draw = generator(1)
    return {"kernel": channels_last(draw(4, 2, 3, 3)), "one": draw(4, 1, 2, 2), "bias": draw(4)}


def test_a_tree_as_one_vector_and_back():
    before = tree()
    numbers = flat(before)
    assert numbers.shape == (72 + 16 + 4,)
    found = shaped(2 * numbers, before)
    assert_same(found, {n: 2 * p for n, p in before.items()}, rtol=0, atol=0)
    assert found["kernel"].stride() == before["kernel"].stride()


def test_new_where_alive():
    old = tree() | {"count": torch.tensor(3)}
    new = {n: p + 1 for n, p in old.items()}
    assert_same(chosen(torch.tensor(True), new, old), new, rtol=0, atol=0)
    assert_same(chosen(torch.tensor(False), new, old), old, rtol=0, atol=0)


def test_leading_dimensions_stay_where_they_are():
    each = [tree(), {n: 2 * p for n, p in tree().items()}]
    both = {n: torch.stack([one[n] for one in each]) for n in each[0]}
    numbers = flat(both, batch_dims=1)
    for row, one in zip(numbers, each, strict=True):
        assert torch.equal(row, flat(one))
    found = shaped(numbers, both, batch_dims=1)
    assert all(torch.equal(found[n], p) for n, p in both.items())
