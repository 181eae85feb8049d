"""Square Attack against its paper: the schedule, the squares, the bumps and what they cost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from lazyleap.attack.bumps import bump, odd
from lazyleap.attack.goals import Goal
from lazyleap.attack.limits import Limit
from lazyleap.attack.oracle import Oracle
from lazyleap.attack.square import Square
from lazyleap.attack.windows import corner, window
from tests.attack.problems import Target, draw, labels, logits
from tests.oracles import square

EPSILON = 0.1


@pytest.mark.parametrize(
    ("after", "halvings"),
    [(0, 0), (10, 1), (50, 2), (200, 3), (500, 4), (1000, 5), (2000, 6), (4000, 7), (6000, 8)],
)
def test_the_published_schedule(after, halvings) -> None:
    picture = torch.empty(1, 3, 640, 640)
    side = round((0.8 / 2**halvings * 640 * 640) ** 0.5)
    assert Square(share=0.8).side(after + 1, 10_000, picture) == side
    assert Square(share=0.8).side(after // 10 + 1, 1000, picture) == side  # scaled to the budget
    if halvings:
        assert Square(share=0.8).side(after, 10_000, picture) > side


def test_sides_fit_and_are_at_least_a_pixel() -> None:
    assert Square(share=1.0).side(0, 100, torch.empty(1, 3, 5, 9)) == 5
    assert Square(share=0.05).side(99, 100, torch.empty(1, 3, 28, 28)) == 1
    assert [odd(side, 28) for side in (1, 3, 4, 9, 28)] == [3, 3, 5, 9, 27]
    assert odd(4, 3) == 3


def test_squares_reach_every_place_and_only_those_that_fit() -> None:
    draws = torch.rand(5000, 2, dtype=torch.float64)
    first = corner(draws, 3, 5, 4)
    assert sorted(map(tuple, first.unique(dim=0).tolist())) == [
        (i, j) for i in range(3) for j in range(2)
    ]
    inside = window(first, 3, 5, 4)
    assert (inside.sum((1, 2, 3)) == 9).all()
    assert inside[0, 0, int(first[0, 0]), int(first[0, 1])]


def test_a_bump_by_hand() -> None:
    peak = torch.tensor([[0.25, 1.25, 0.25]], dtype=torch.float64)
    wide = torch.tensor([[0.25, 0.25, 0.25], [0.25, 1.25, 0.25]], dtype=torch.float64)
    both = torch.cat([peak / peak.norm(), -wide / wide.norm()])
    assert torch.allclose(bump(3, both), both / both.norm())


class Unmoved:
    """A target that minds nothing but how often it was asked, so that every step is refused."""

    def __init__(self, falling: bool) -> None:
        self.falling, self.asked = falling, []

    def __call__(self, pixels):
        self.asked.append(pixels.clone())
        value = 100.0 - self.falling * len(self.asked)
        scores = torch.zeros(len(pixels), 2, dtype=torch.float64)
        scores[:, 0] = value
        return scores


def walk(norm: str, clean, *, falling: bool, budget=60, epsilon=EPSILON, share=0.3):
    target = Unmoved(falling)
    oracle = Oracle(target, budget, len(clean), outputs="logits")
    goal = Goal(torch.zeros(len(clean), dtype=torch.int64))
    found = Square(share=share).run(
        oracle, clean, goal, Limit(norm, epsilon), np.random.default_rng(0)
    )
    return torch.stack(target.asked) - clean, found


def middle(channels: int = 3):
    return torch.full((2, channels, 9, 12), 0.5, dtype=torch.float64)


def test_flat_start_is_stripes_and_each_step_one_square() -> None:
    steps, _ = walk("linf", middle(), falling=True)
    assert (steps[0] == 0).all()  # the clean image
    assert torch.allclose(steps[1:].abs(), torch.tensor(EPSILON, dtype=torch.float64))
    assert (steps[1] == steps[1][:, :, :1]).all()
    for before, after in pairwise(steps[1:]):
        changed = ((after - before).abs() > 1e-9).any(1)
        assert changed.flatten(1).any(1).all()  # never the same image again
        for one, now in zip(changed, after, strict=True):
            down, right = one.any(1).nonzero()[:, 0], one.any(0).nonzero()[:, 0]
            box = now[:, down[0] : down[-1] + 1, right[0] : right[-1] + 1]
            assert max(box.shape[1:]) <= 6  # round(sqrt(.3 * 9 * 12))
            assert (box == box[:, :1, :1]).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_flat_steps_never_ask_about_the_same_image(channels) -> None:
    """Also at the edges of 0..1, where a square of one sign clips away."""
    clean = middle(channels).clone()
    clean[:, :, :, :6], clean[:, :, :, 6:] = 0, 1
    steps, _ = walk("linf", clean, falling=False, budget=200)
    assert ((steps[2:] - steps[1]).abs().amax((2, 3, 4)) > 1e-9).all()


def test_a_step_that_does_not_help_is_taken_back() -> None:
    steps, found = walk("linf", middle(), falling=False)
    assert torch.allclose(found.adversarial, middle() + steps[1])
    steps, found = walk("linf", middle(), falling=True)
    assert torch.allclose(found.adversarial, middle() + steps[-1])


def test_bumps_use_the_whole_length_and_move_two_squares() -> None:
    wide = torch.full((2, 3, 20, 24), 0.5, dtype=torch.float64)
    steps, _ = walk("l2", wide, falling=True, epsilon=1.0, share=0.05)
    lengths = steps[1:].flatten(2).norm(dim=2)
    assert torch.allclose(lengths, torch.ones_like(lengths))
    changed = ((steps[2:] - steps[1:-1]).abs() > 1e-9).any(2).flatten(2).sum(2)
    assert (changed <= 2 * 5 * 5).all()  # round(sqrt(.05 * 20 * 24)) a side, and odd
    assert (changed > 0).double().mean() > 0.9  # where neither square has any length, none moves


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 2), (1, 3, 9), (3, 28, 28), (3, 32, 32)])
def test_images_of_any_size(norm, shape) -> None:
    clean = torch.rand(3, *shape, dtype=torch.float64)
    steps, _ = walk(norm, clean, falling=True, budget=100)
    lengths = steps.flatten(2).norm(2 if norm == "l2" else torch.inf, dim=2)
    assert (lengths <= EPSILON * (1 + 1e-12)).all()
    assert (lengths[1:].amax(1) > 0).all()  # some image is changed at every step


@pytest.mark.parametrize(
    ("norm", "epsilon", "shape"),
    [
        ("linf", 0.05, (2, 9, 12)),
        ("linf", 0.07, (1, 6, 5)),
        ("l2", 0.5, (2, 11, 13)),
        ("l2", 0.3, (1, 6, 5)),
        ("l2", 0.9, (3, 20, 16)),
    ],
)
@pytest.mark.parametrize("share", [0.05, 0.4])
def test_it_is_the_attack_written_down_pixel_by_pixel(norm, epsilon, shape, share) -> None:
    some, budget = draw(3), 90
    clean = (0.5 + 0.4 * some(4, *shape)).clamp(0, 1)
    weights = some(3, clean[0].numel())

    def scores(x):
        return x.flatten(1) @ weights.T

    own = scores(clean).argmax(1)
    oracle = Oracle(scores, budget, 4, outputs="logits")
    search, chance = Square(share=share), np.random.default_rng(5)
    found = search.run(oracle, clean, Goal(own), Limit(norm, epsilon), chance)
    streams = np.random.default_rng(5).spawn(4)
    for i, image in enumerate(clean.numpy()):

        def margin(x, label=int(own[i])):
            values = weights.numpy() @ x.ravel()
            return values[label] - np.delete(values, label).max()

        expected = square.attack(margin, image, norm, epsilon, share, budget, streams[i])
        assert np.abs(found.adversarial[i].numpy() - expected[0]).max() < 1e-10
        assert (bool(found.success[i]), int(found.queries[i])) == expected[1:]
    assert found.queries.max() > 64  # else one block of draws is enough


def test_it_is_a_random_search_a_query_a_step() -> None:
    clean = (0.5 + 0.3 * torch.randn(4, 2, 6, 7, dtype=torch.float64)).clamp(0, 1)
    target = Target(lambda x: logits(x))
    oracle = Oracle(target, 300, 4, outputs="logits")
    found = Square(share=0.3).run(
        oracle, clean, Goal(labels(clean)), Limit("linf", 0.2), np.random.default_rng(0)
    )
    assert len(target.calls) == int(found.queries.max())
