"""ZOO and random directions, step by step, where the true gradient is known."""

from __future__ import annotations

import numpy as np
import torch

from lazyleap.attack.goals import Goal
from lazyleap.attack.limits import Limit
from lazyleap.attack.oracle import Oracle
from lazyleap.attack.random_direction import RandomDirection
from lazyleap.attack.zoo import Zoo
from tests.attack.problems import SHAPE, SIZE, draw

SLOPE, CENTRE = draw(12)(SIZE), 0.5 + 0.05 * draw(13)(SIZE)
FAR = Limit("l2", 50.0)  # never in the way
STEPS = 6


def value(pixels):
    """Curved, and never below 0."""
    flat = pixels.flatten(1)
    return 99 + flat @ SLOPE + 3 * (flat - CENTRE).square().sum(1)


def slope(pixels):
    return (SLOPE + 6 * (pixels.flatten(1) - CENTRE)).view_as(pixels)


def walk(search, cost: int):
    """Where an image is after six steps, and the one it started from."""
    start = torch.full((1, *SHAPE), 0.5, dtype=torch.float64)
    budget = 1 + STEPS * cost

    def scores(x):
        return torch.stack([value(x), torch.zeros(len(x), dtype=torch.float64)], 1)

    oracle = Oracle(scores, budget, 1, outputs="logits")
    goal = Goal(torch.zeros(1, dtype=torch.int64))
    found = search.run(oracle, start, goal, FAR, np.random.default_rng(0))
    assert int(found.queries) == budget
    return found.adversarial, start


def test_zoo_on_all_coordinates_is_adam() -> None:
    found, start = walk(Zoo(coordinates=SIZE, width=1e-3, step=0.01), 2 * SIZE + 1)
    x = start.clone().requires_grad_()
    adam = torch.optim.Adam([x], lr=0.01)
    for _ in range(STEPS):
        x.grad = slope(x.detach())
        adam.step()
    assert torch.allclose(found, x.detach(), rtol=0, atol=1e-6)


def test_zoo_counts_steps_by_coordinate() -> None:
    """Adam's first step is the rate, whenever a coordinate has its turn."""
    found, start = walk(Zoo(coordinates=7, width=1e-3, step=0.01), 15)
    chance = np.random.default_rng(0).spawn(1)[0]
    places = np.concatenate([chance.choice(SIZE, 7, replace=False) for _ in range(STEPS)])
    turns = torch.from_numpy(np.bincount(places, minlength=SIZE))
    moved = (found - start).flatten()
    assert (moved[turns == 0] == 0).all()
    once = -0.01 * slope(start).flatten().sign()
    assert (turns == 1).any()
    assert (turns > 1).any()
    assert torch.allclose(moved[turns == 1], once[turns == 1], rtol=1e-6)


def test_random_directions_keep_a_running_mean() -> None:
    options = {"width": 1e-3, "step": 0.05, "momentum": 0.7}
    found, x = walk(RandomDirection(directions=4, **options), 9)
    chance, mean = np.random.default_rng(0).spawn(1)[0], torch.zeros_like(x)
    moment = (np.clip(np.random.default_rng(1).standard_normal(10**6), -3, 3) ** 2).mean()
    for _ in range(STEPS):
        u = torch.from_numpy(chance.standard_normal((4, *SHAPE), np.float32)).double()
        u = u.clamp(-3, 3)
        along = (u * slope(x)).sum((1, 2, 3), keepdim=True)
        mean = 0.7 * mean + 0.3 * (along * u).mean(0, keepdim=True) / moment
        x = x - 0.05 * mean / mean.norm()
    assert torch.allclose(found, x, rtol=0, atol=1e-8)
