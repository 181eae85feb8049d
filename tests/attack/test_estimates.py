"""The gradient estimators in float64: their scale, their edges and what they cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lazyleap.attack.estimates import central_differences, random_directions, second_moment
from lazyleap.attack.goals import Goal, margin
from lazyleap.attack.oracle import Oracle
from lazyleap.errors import InputError
from tests.attack.problems import draw

SHAPE, SIZE, WIDTH = (2, 3, 4), 24, 0.01
SLOPE = draw(5)(SIZE)
CURVE = (lambda m: m + m.T)(draw(6)(SIZE, SIZE))


def linear(x):
    return x.flatten(1) @ SLOPE + 3


def quadratic(x):
    flat = x.flatten(1)
    return linear(x) + 0.5 * ((flat @ CURVE) * flat).sum(1)


def gradient(function, x):
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(function(leaf).sum(), leaf)[0]


def inside(count: int):
    """Images with every pixel well within 0..1."""
    return 0.5 + 0.4 * torch.tanh(draw(7)(count, *SHAPE))


def at_edges(count: int):
    return (0.5 + draw(8)(count, *SHAPE)).clamp(0, 1)


def asked(function):
    """``function`` as the margin of a two-class classifier behind an oracle."""

    def scores(x):
        value = function(x)
        return torch.stack([value, torch.zeros_like(value)], 1)

    oracle = Oracle(scores, 10**6, 4, outputs="logits", chunk=7)
    goal = Goal(torch.zeros(4, dtype=torch.int64))
    return oracle, lambda rows, x: margin(oracle(rows, x), goal.of(rows))


def coordinates(count: int, q: int):
    return torch.stack([torch.randperm(SIZE)[:q] for _ in range(count)])


@pytest.mark.parametrize("chunk", [1, 10, 25, 1000])
@pytest.mark.parametrize(
    ("function", "pictures"), [(linear, inside), (linear, at_edges), (quadratic, inside)]
)
def test_central_differences_are_the_derivatives(function, pictures, chunk) -> None:
    x, places, rows = pictures(3), coordinates(3, 5), torch.tensor([0, 2, 3])
    oracle, value = asked(function)
    found = central_differences(value, rows, x, places, width=WIDTH, chunk=chunk)
    expected = gradient(function, x).flatten(1).gather(1, places)
    assert torch.allclose(found, expected, rtol=0, atol=1e-10)
    assert oracle.queries.tolist() == [10, 0, 10, 10]


@pytest.mark.parametrize(("chunk", "held"), [(9, [10] * 3), (29, [20, 10]), (30, [30])])
def test_as_many_images_are_probed_at_once_as_the_chunk_holds(chunk, held) -> None:
    x, seen = inside(3), []

    def value(rows, probes):
        seen.append(len(probes))
        return linear(probes)

    central_differences(value, torch.arange(3), x, coordinates(3, 5), width=WIDTH, chunk=chunk)
    assert seen == held


def test_at_an_edge_the_derivative_is_the_one_a_width_away() -> None:
    x = inside(1)
    x[0, 0, 0, 0], x[0, 1, 2, 3] = 0, 1
    _, value = asked(quadratic)
    for place, moved in ((0, WIDTH), (SIZE - 1, 1 - WIDTH)):
        found = central_differences(
            value, torch.tensor([0]), x, torch.tensor([[place]]), width=WIDTH, chunk=9
        )
        near = x.clone()
        near.view(-1)[place] = moved
        expected = gradient(quadratic, near).view(-1)[place]
        assert found.item() == pytest.approx(expected.item(), abs=1e-10)


def standard(mean, samples, truth):
    """How many of its own standard errors the mean of ``[S, ...]`` is off, for each entry."""
    error = samples.flatten(1).std(0) / len(samples) ** 0.5
    return (mean.flatten() - truth.flatten()) / error, error


@pytest.mark.parametrize(
    ("function", "pictures"), [(linear, inside), (linear, at_edges), (quadratic, inside)]
)
def test_random_directions_are_unbiased_and_to_scale(function, pictures) -> None:
    count = 20_000
    x = pictures(1).expand(count, *SHAPE)
    chance = np.random.default_rng(9)
    u = torch.from_numpy(chance.standard_normal((count, 1, *SHAPE)))
    rows = torch.zeros(count, dtype=torch.int64)
    _, value = asked(function)
    found = random_directions(value, rows, x, u, width=WIDTH, chunk=5000)
    truth = gradient(function, x[:1])
    off, error = standard(found.mean(0), found, truth)
    assert off.abs().max() < 4
    assert 0.3 < off.square().mean() < 2.5  # neither biased nor better than chance allows
    assert error.max() < 0.02 * truth.norm()  # so a wrong scale would be seen: below
    along = (found.flatten(1) @ truth.flatten()) / truth.square().sum()
    assert abs(float(along.mean()) - 1) < 4 * float(along.std()) / count**0.5 < 0.05


@pytest.mark.parametrize(("chunk", "held"), [(1, 2), (4, 4), (5, 4), (12, 12), (25, 24)])
def test_as_many_probes_are_held_at_once_as_the_chunk_says(chunk, held) -> None:
    """A direction is asked about both ways, so two are the least."""
    seen = []

    def value(rows, probes):
        seen.append(len(probes))
        return linear(probes)

    x, u = inside(3), draw(10)(3, 6, *SHAPE)
    random_directions(value, torch.arange(3), x, u, width=WIDTH, chunk=chunk)
    assert (max(seen), sum(seen)) == (held, 3 * 6 * 2)


def test_random_directions_are_a_mean_over_directions_whatever_the_chunk() -> None:
    x, u, rows = inside(3), draw(10)(3, 6, *SHAPE), torch.tensor([0, 2, 3])
    oracle, value = asked(quadratic)
    whole = random_directions(value, rows, x, u, width=WIDTH, chunk=1000)
    assert oracle.queries.tolist() == [12, 0, 12, 12]
    for chunk in (1, 5, 13):
        parts = random_directions(value, rows, x, u, width=WIDTH, chunk=chunk)
        assert torch.allclose(parts, whole, rtol=0, atol=1e-10)
    single = [
        random_directions(value, rows, x, u[:, d : d + 1], width=WIDTH, chunk=50) for d in range(6)
    ]
    assert torch.allclose(torch.stack(single).mean(0), whole, rtol=0, atol=1e-10)


def test_second_moment_of_a_clipped_normal_number() -> None:
    u = np.linspace(-12, 12, 200_001)
    density = np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    for widest in (0.5, 1.0, 3.0):
        expected = np.trapezoid(np.clip(u, -widest, widest) ** 2 * density, u)
        assert second_moment(widest) == pytest.approx(expected, abs=1e-7)


def test_widths_that_leave_no_room() -> None:
    x, rows = inside(1), torch.tensor([0])
    _, value = asked(linear)
    with pytest.raises(InputError, match=r"width 0\.6"):
        central_differences(value, rows, x, coordinates(1, 2), width=0.6, chunk=9)
    for width in (0.2, 0.0):
        with pytest.raises(InputError, match=f"width {width}"):
            random_directions(value, rows, x, draw(1)(1, 2, *SHAPE), width=width, chunk=9)
    with pytest.raises(InputError, match=r"width 0\.0"):
        central_differences(value, rows, x, coordinates(1, 2), width=0.0, chunk=9)
    for width in (0.5, 1e-9):
        central_differences(value, rows, x, coordinates(1, 2), width=width, chunk=9)
        random_directions(value, rows, x, draw(1)(1, 2, *SHAPE), width=width / 3, chunk=9)
