"""What the secants are worth on images, and that they cost less than a step of the student's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lazyleap import MAML, Batch, Exact, Lazy, Task, adapt
from lazyleap.bilevel import linearize
from lazyleap.datasets import glyphs
from lazyleap.datasets.options import Distortion
from lazyleap.fidelity import compare
from lazyleap.models import Conv4, functional
from lazyleap.trees import dot, norm

DISTORTION = Distortion(rotation=15.0, shear=0.15, scale=0.2, shift=0.05, stroke=0.5, noise=0.15)
W0 = 30.0  # of the sine layers
K = 10


def drawn(letters: str, size: int, count: int) -> torch.Tensor:
    """``[letters, count, size, size]`` in -1..1."""
    images = [glyphs.draw(c, range(count), size, DISTORTION, 0)[:, 0] for c in letters]
    return torch.tensor(np.stack(images)).float() / 127.5 - 1


def sirens(width: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    deep = math.sqrt(6 / width) / W0
    theta = {}
    for j, (outputs, inputs, bound) in enumerate(
        [(width, 2, 0.5), (width, width, deep), (width, width, deep), (1, width, deep)]
    ):
        theta[f"w{j}"] = (2 * torch.rand(outputs, inputs, generator=draw) - 1) * bound
        theta[f"b{j}"] = (2 * torch.rand(outputs, generator=draw) - 1) / math.sqrt(inputs)
    return theta


def field(p, inputs):
    for j in range(3):
        inputs = torch.sin(W0 * (inputs @ p[f"w{j}"].T + p[f"b{j}"]))
    return (inputs @ p["w3"].T + p["b3"])[:, 0]


def problem(rate: float) -> MAML:
    return MAML(field, rate, loss=torch.nn.functional.mse_loss)


def fields(size: int, steps: int) -> list[Task]:
    axis = torch.linspace(-1, 1, size)
    where = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(-1, 2)
    batches = [Batch(where, image.flatten()) for image in drawn("ABCDEFGHJKLM", size, 1)]
    return [Task([batch] * steps, batch) for batch in batches]


def learned(made, theta, estimator, batches):
    """Adam on the meta-gradients of these meta-batches."""
    theta = {n: p.clone().requires_grad_() for n, p in theta.items()}
    outer = torch.optim.Adam(theta.values(), 1e-3 if made.forward is field else 3e-3)
    for tasks in batches:
        estimator(made, theta, tasks).apply_to(theta)
        outer.step()
    return {n: p.detach() for n, p in theta.items()}


def cosines(made, theta, tasks):
    return {row.estimator: row.cosine for row in compare(made, theta, tasks)}


def started(rate: float):
    """A problem of fields, and a theta that exact gradients of three steps learned."""
    made, short = problem(rate), fields(16, 3)
    meta_batches = [[short[(3 * i + j) % 12] for j in range(3)] for i in range(60)]
    return made, learned(made, sirens(32), Exact(), meta_batches)


def test_the_gradient_of_fields_points_more_nearly_as_the_exact_one():
    found = cosines(*started(0.005), fields(16, K)[:8])
    assert found["one leap, start, secants"] > found["one leap, start"] + 0.1
    assert found["3 leaps, secants"] > found["3 leaps"] + 0.1


def test_where_steps_overshoot_signed_secants_point_more_nearly_as_the_exact_gradient():
    rows = {row.estimator: row for row in compare(*started(0.01), fields(16, K)[:8], [4, K])}
    assert rows["one leap, start, secants"].min_factor < -1
    signed, clipped = (rows[f"first 3 steps, {rest}"] for rest in ("signed secants", "secants"))
    assert signed.cosine > clipped.cosine + 0.1


@pytest.mark.parametrize("rate", [0.002, 0.01])
def test_the_smallest_factor_is_below_zero_where_rate_times_curvature_exceeds_one(rate):
    made, theta, (task, *_) = problem(rate), sirens(32), fields(16, K)
    found = float(Lazy(rest="secants")(made, theta, [task]).noted["leap/min_factor"])
    true = min(1 - rate * largest_curvature(made, theta, task.inner[0], j) for j in (0, 2, 4))
    assert (true < 0) == (found < 0) == (rate == 0.01)


def largest_curvature(made, theta, batch, steps: int) -> float:
    """By power iteration at the student's point after so many steps."""
    phi = adapt(made, theta, batch, steps)
    _, pull = linearize(lambda p: made.inner_grad(p, theta, batch), phi, keep=True)
    v, top = {n: torch.ones_like(p) for n, p in phi.items()}, 0.0
    for _ in range(60):
        (product,) = pull(v)
        top = float(dot(v, product) / dot(v, v))
        v = {n: p / norm(product) for n, p in product.items()}
    return top


@pytest.mark.slow
def test_the_gradient_of_10_way_episodes_points_more_nearly_as_the_exact_one():
    images = drawn("ABCDEFGHJKLMNPQRSTUVWXYZ", 20, 8).unsqueeze(2)
    images = (images - images.mean()) / images.std()

    def episodes(count: int, seed: int) -> list[Task]:
        draw, found = torch.Generator().manual_seed(seed), []
        for _ in range(count):
            classes = torch.randperm(len(images), generator=draw)[:10]
            order = torch.randperm(8, generator=draw)
            support = Batch(images[classes, order[0]], torch.arange(10))
            queries = images[classes][:, order[1:4]].flatten(0, 1)
            outer = Batch(queries, torch.arange(10).repeat_interleave(3))
            found.append(Task([support] * K, outer))
        return found

    torch.manual_seed(0)
    network = Conv4(10, channels=1, size=20, width=8, norm="batch")
    made = MAML(functional(network), 0.05)
    meta_batches = [episodes(4, 100 + i) for i in range(40)]
    theta = learned(made, made.theta(network), Lazy(), meta_batches)
    found = cosines(made, theta, episodes(12, 5))
    assert found["one leap, start, secants"] > found["one leap, start"] + 0.005
    assert found["3 leaps, secants"] > found["3 leaps"] + 0.005


@pytest.mark.parametrize("steps", [10, 20])
def test_they_take_fewer_operations_than_one_step_of_the_student(steps):
    made, theta, (task, *_) = problem(0.01), sirens(64), fields(32, steps)

    def operations(work) -> int:
        with FlopCounterMode(display=False) as counter:
            work()
        return counter.get_total_flops()

    plain, secants = (
        operations(lambda rest=rest: Lazy(rest=rest)(made, theta, [task]))
        for rest in ("identity", "secants")
    )
    step = operations(lambda: adapt(made, theta, task.inner[0], 1))
    assert 0 < secants - plain < step
