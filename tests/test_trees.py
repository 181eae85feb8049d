"""Arithmetic of named tensors, and of what is no tensor yet: the formulas that an export writes."""

from __future__ import annotations

import pytest
import torch

from lazyleap.trees import add, copy, gather, multiply, subtract

A, B = {"x": 3.0, "y": -1.0}, {"y": 0.5, "x": 2.0}


def tensors(tree):
    return {n: torch.tensor([p, 2 * p], dtype=torch.float64) for n, p in tree.items()}


@pytest.mark.parametrize("made", [dict, tensors])
@pytest.mark.parametrize("scale", [-1.0, 0.0, 1.0, -0.5])
def test_sums_and_products_name_by_name(made, scale):
    a, b = made(A), made(B)
    cases = [
        (add(a, b, scale), {n: A[n] + scale * B[n] for n in A}),
        (subtract(a, b), {n: A[n] - B[n] for n in A}),
    ]
    for found, expected in cases:
        assert list(found) == ["x", "y"]
        for n, p in made(expected).items():
            assert torch.equal(torch.as_tensor(found[n]), torch.as_tensor(p)), n
    assert multiply(A, B) == {"x": 6.0, "y": -0.5}


def test_where_only_one_has_a_name_it_counts_alone():
    a, b = tensors({"x": 1.0, "both": 2.0}), tensors({"both": 5.0, "y": 4.0})
    found = gather(a, b)
    assert {n: p.tolist() for n, p in found.items()} == {"x": [1, 2], "both": [7, 14], "y": [4, 8]}


def test_a_copy_has_memory_of_its_own_and_no_tape():
    tree = {"x": torch.ones(2, requires_grad=True) * 2}
    found = copy(tree)["x"]
    assert (found.requires_grad, found.tolist()) == (False, [2, 2])
    found.zero_()
    assert tree["x"].tolist() == [2, 2]
