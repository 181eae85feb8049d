"""What is pulled back, and how often."""

from __future__ import annotations

import pytest
import torch

from lazyleap.bilevel import Pull, gradient, linearize, twice

X = {"x": torch.tensor([2.0, 3.0])}
SLOPE = {"y": torch.tensor([1.0, -1.0])}


def exponentials(tree):
    return {"y": tree["x"].exp()}


def by_default():
    leaf = {"x": X["x"].clone().requires_grad_()}
    return Pull(exponentials(leaf), [leaf])


@pytest.mark.parametrize("made", [by_default, lambda: linearize(exponentials, X)[1]])
def test_the_first_product_frees_the_tape(made):
    pull = made()
    assert torch.equal(pull(SLOPE)[0]["x"], X["x"].exp() * SLOPE["y"])
    with pytest.raises(RuntimeError, match="second time"):
        pull(SLOPE)


def test_a_tape_is_kept_for_those_who_ask():
    _, pull = linearize(exponentials, X, keep=True)
    for _ in range(2):
        assert torch.equal(pull(SLOPE)[0]["x"], X["x"].exp() * SLOPE["y"])


def test_nothing_is_differentiated_twice_unless_said():
    assert not twice()
    asked = []
    with torch.no_grad():
        gradient(lambda p: asked.append(twice()) or p["x"].sum(), X)
    gradient(lambda p: asked.append(twice()) or p["x"].sum(), X)
    assert (asked, twice()) == ([False, True], False)
