"""Small learners with random weights, and episodes for them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from lazyleap import ANIL, MAML, MetaSGD
from lazyleap.algorithms import SGD
from lazyleap.models import Conv4, ResNet12, functional, weights
from lazyleap.onnx.learned import Learned
from lazyleap.onnx.smaller import LEAST

ALGORITHMS = {"maml": MAML, "meta_sgd": MetaSGD, "anil": ANIL}
WAY = 3


def network(name: str, channels: int = 1, size: int = 28) -> nn.Module:
    """``conv4-NORM-DOWNSAMPLE`` or ``resnet12-NORM``, its parameters off their round starts."""
    torch.manual_seed(0)
    kind, norm, *down = name.split("-")
    if kind == "resnet12":
        made: nn.Module = ResNet12(WAY, channels=channels, width=4, norm=norm)
    else:
        options = {"norm": norm, "downsample": down[0]}
        made = Conv4(WAY, channels=channels, size=size, width=8, **options)
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return made


def learned(
    algorithm: str, name: str = "conv4-batch-stride", size: int = 28, momentum: float = 0.0
) -> Learned:
    """With learned rates that differ, and a colour image of odd moments."""
    net = network(name, 2, size)
    problem = ALGORITHMS[algorithm](functional(net), 0.05, optimizer=SGD(momentum))
    theta = weights(net)
    if isinstance(problem, MetaSGD):
        rates = problem.theta(theta)
        theta = {
            n: p * (0.5 + torch.rand_like(p)) if n.startswith("rate/") else p
            for n, p in rates.items()
        }
    return Learned(net, problem, theta, (2, size, size), ([0.1, 0.3], [0.3, 0.6]))


def rounded(model: Learned) -> Learned:
    """With the weights that a file of half size has."""

    def half(tree):
        return {n: p.half().to(p.dtype) if p.numel() >= LEAST else p for n, p in tree.items()}

    net = deepcopy(model.network)
    net.load_state_dict(half(net.state_dict()))
    problem = replace(model.problem, forward=functional(net))
    return replace(model, network=net, problem=problem, theta=half(model.theta))


def episode(
    model: Learned, support: int, queries: int, steps: int, dtype: type = np.float64, seed: int = 0
) -> dict[str, np.ndarray]:
    chance = np.random.default_rng([seed, support, queries, steps])
    classes = chance.random((WAY, *model.shape))

    def draw(n: int) -> np.ndarray:
        noise = 0.1 * chance.standard_normal((n, *model.shape))
        return np.clip(classes[np.arange(n) % WAY] + noise, 0, 1).astype(dtype)

    return {
        "support_images": draw(support),
        "support_labels": np.arange(support) % WAY,
        "query_images": draw(queries),
        "adaptation_steps": np.array(steps),
        "inner_lr": np.array(model.rate, dtype),
    }
