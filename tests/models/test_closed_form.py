"""Closed forms of second derivatives against autograd's own, in float64."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from lazyleap.models.closed_form import batch_norm, convolution
from tests.cases import generator

EPS = 1e-5


def plain_norm(x, g, b):
    return F.batch_norm(x, None, None, g, b, True, 0.0, EPS)


def closed_norm(x, g, b):
    return batch_norm(x, g, b, EPS)


def derivatives(function, primals, frozen=()):
    """Value, first and second derivatives along fixed directions, of a curved loss of the value."""
    draw = generator(5)
    leaves = [p.clone().requires_grad_(i not in frozen) for i, p in enumerate(primals)]
    wanted = [p for p in leaves if p.requires_grad]
    value = function(*leaves)
    loss = (value.tanh() * draw(*value.shape)).sum()  # so that the cotangent depends on the primals
    first = torch.autograd.grad(loss, wanted, create_graph=True)
    along = sum((d * draw(*d.shape)).sum() for d in first)
    return value, *first, *torch.autograd.grad(along, wanted)


def assert_all_close(found, expected, rtol=1e-12):
    for a, b in zip(found, expected, strict=True):
        assert (a - b).norm() <= rtol * b.norm() + 1e-14


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("frozen", [(), (0,)], ids=["inner", "first-layer"])
@pytest.mark.parametrize(
    ("stride", "padding", "kernel", "channels"),
    [
        ((1, 1), (1, 1), 3, 3),
        ((2, 2), (1, 1), 3, 1),
        ((2, 1), (0, 2), 5, 2),
        ((1, 1), (0, 0), 1, 4),
    ],
)
def test_convolution(stride, padding, kernel, channels, frozen, layout):
    draw = generator(3)
    x, w = draw(2, channels, 7, 6), draw(5, channels, kernel, kernel)
    primals = [p.contiguous(memory_format=layout) for p in (x, w)]

    def closed(x, w):
        return convolution(x, w, stride, padding)

    def plain(x, w):
        return F.conv2d(x, w, None, stride, padding)

    assert_all_close(derivatives(closed, primals, frozen), derivatives(plain, primals, frozen))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("frozen", [(), (0,), (1, 2)], ids=str)
def test_batch_norm(frozen, layout):
    draw = generator(3)
    x = (2 * draw(4, 3, 5, 6) + 1).contiguous(memory_format=layout)
    primals = [x, draw(3), draw(3)]
    found, expected = (derivatives(f, primals, frozen) for f in (closed_norm, plain_norm))
    assert_all_close(found, expected)


@pytest.mark.parametrize("asked", [(), (0,), (1,), (0, 1)], ids=str)
@pytest.mark.parametrize("kind", ["convolution", "norm"])
def test_a_second_pass_for_some_is_that_for_all(kind, asked):
    """Asked for are the cotangent's weights and, of the primals inside the graph, some."""
    draw = generator(3)
    forms = {"norm": (closed_norm, plain_norm)}.get(
        kind,
        (lambda x, w: convolution(x, w, (1, 1), (1, 1)), lambda x, w: F.conv2d(x, w, None, 1, 1)),
    )
    primals = [draw(4, 3, 5, 6), draw(3) if kind == "norm" else draw(2, 3, 3, 3)]
    primals += [draw(3)] if kind == "norm" else []

    def second(function):
        draw = generator(5)
        inside = [p.clone().requires_grad_() * 1 for p in primals]
        value = function(*inside)
        weights = draw(*value.shape).requires_grad_()
        first = torch.autograd.grad((value.tanh() * weights).sum(), inside, create_graph=True)
        along = sum((d * draw(*d.shape)).sum() for d in first)
        return torch.autograd.grad(along, [weights, *(inside[i] for i in asked)])

    assert_all_close(*map(second, forms))


def test_batch_norm_of_a_constant_channel():
    draw = generator(3)
    x = draw(4, 3, 5, 6)
    x[:, 1] = 0.75
    primals = [x, draw(3), draw(3)]
    found, expected = (derivatives(f, primals) for f in (closed_norm, plain_norm))
    assert_all_close(found, expected, rtol=1e-9)  # of that channel, times eps^-3/2


def test_a_third_derivative_is_refused():
    x = generator(3)(2, 1, 4, 4).requires_grad_()
    (first,) = torch.autograd.grad(
        closed_norm(x, x.new_ones(1), x.new_zeros(1)).pow(3).sum(), x, create_graph=True
    )
    (second,) = torch.autograd.grad(first.pow(2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        second.sum().backward()
