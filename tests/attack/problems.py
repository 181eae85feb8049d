"""A linear classifier in float64 that watches who asks it, and each search with small options."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lazyleap.attack import oracle
from lazyleap.attack.goals import Goal
from lazyleap.attack.limits import Limit
from lazyleap.attack.oracle import Oracle
from lazyleap.attack.predicted import Predicted
from lazyleap.attack.random_direction import RandomDirection
from lazyleap.attack.square import Square
from lazyleap.attack.zoo import Zoo

N, SHAPE, CLASSES = 5, (2, 6, 7), 4
SIZE = 2 * 6 * 7
LIMITS = {"l2": Limit("l2", 1.2), "linf": Limit("linf", 0.25)}
STEPS = {"l2": 0.4, "linf": 0.06}


def draw(seed: int):
    """``draw(*shape)``: standard normal float64 numbers."""
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


WEIGHTS = 0.5 * draw(1)(CLASSES, SIZE)


def images(count: int = N) -> Tensor:
    """Pixels of which some are at 0 and some at 1."""
    return (0.5 + 0.4 * draw(2)(count, *SHAPE)).clamp(0, 1)


def logits(pixels: Tensor) -> Tensor:
    return pixels.flatten(1) @ WEIGHTS.T


def labels(pixels: Tensor) -> Tensor:
    return logits(pixels).argmax(1)


def goals(pixels: Tensor) -> dict[str, Goal]:
    """Away from the class, or to the one that is second now."""
    second = logits(pixels).topk(2).indices[:, 1]
    return {"untargeted": Goal(labels(pixels)), "targeted": Goal(second, targeted=True)}


class Target:
    """A classifier that can be called from the oracle's file only, and never with a graph.

    ``calls``: how many images came with each call; ``asked``: the images.
    """

    def __init__(self, scores=logits) -> None:
        self.scores, self.calls, self.asked = scores, [], []

    def __call__(self, pixels: Tensor) -> Tensor:
        frame, callers = sys._getframe(1), []
        while frame is not None and len(callers) < 2:
            callers.append(Path(frame.f_code.co_filename))
            frame = frame.f_back
        assert callers[0] == Path(oracle.__file__), f"asked by {callers[0]}"
        assert not torch.is_grad_enabled()
        assert not pixels.requires_grad
        assert pixels.min() >= 0
        assert pixels.max() <= 1
        self.calls.append(len(pixels))
        self.asked.append(pixels.clone())
        return self.scores(pixels)


def predictor(phi, pixels: Tensor) -> Tensor:
    """A map that depends on the image, and is curved in the parameters."""
    flat = torch.tanh(pixels.flatten(1) @ phi["in"]) @ phi["out"] + phi["bias"]
    return flat.view_as(pixels)


def theta() -> dict[str, Tensor]:
    some = draw(3)
    parts = {"in": some(SIZE, 8), "out": some(8, SIZE), "bias": some(SIZE)}
    return {n: 0.3 * p for n, p in parts.items()}


def predicted(norm: str, **changes) -> Predicted:
    options = {
        "forward": predictor,
        "theta": theta(),
        "every": 3,
        "coordinates": 20,
        "width": 1e-3,
        "finetune_steps": 3,
        "finetune_lr": 0.5,
        "step": STEPS[norm],
        "keep_measured": True,
    }
    return Predicted(**(options | changes))


SEARCHES = {
    "predicted": predicted,
    "zoo": lambda norm: Zoo(coordinates=12, width=1e-3, step=0.1),
    "square": lambda norm: Square(share=0.3),
    "random_direction": lambda norm: RandomDirection(
        directions=8, width=1e-3, step=STEPS[norm], momentum=0.5
    ),
}
COSTS = {  # what a step can cost at most
    "predicted": 41,
    "zoo": 25,
    "square": 1,
    "random_direction": 17,
}


def attack(search, norm: str, *, aim="untargeted", budget=1500, seed=0, pixels=None, **oracle):
    """The outcome, the oracle and the target of one attack."""
    pixels = images() if pixels is None else pixels
    target = Target()
    door = Oracle(target, budget, len(pixels), outputs="logits", **oracle)
    chance = np.random.default_rng(seed)
    return search.run(door, pixels, goals(pixels)[aim], LIMITS[norm], chance), door, target
