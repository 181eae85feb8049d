"""Who takes part in :mod:`benchmarks.peers`: our estimators and the rivals, on the same problem.

Each is a function without arguments that computes the mean meta-gradient over the tasks. All start
from one set of weights, and what is exact must agree in float64 before its time is worth anything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks import rivals
from benchmarks.rivals import plain_conv4
from lazyleap import MAML, Batch, Exact, FirstOrder, Lazy, Task, functional
from lazyleap.estimators import Estimator
from lazyleap.models.conv4 import Conv4
from lazyleap.models.layout import channels_last

OURS: Mapping[str, Estimator] = {
    "lazyleap lazy": Lazy(),
    "lazyleap lazy, 3 leaps": Lazy(leaps=3),
    "lazyleap exact": Exact(),
    "lazyleap first order": FirstOrder(),
}
TASKS, WAY, QUERIES, RATE = 4, 5, 15, 0.01
AGREED = 1e-9  # largest relative gap of two exact gradients in float64


class Size(NamedTuple):
    """Of the images, and the network's channels."""

    channels: int
    pixels: int
    width: int = 64


SMALL, LARGE = Size(1, 28), Size(3, 84)
Step = Callable[[], Any]
Cell = tuple[str, int]
"""Who, and the horizon."""


def network(size: Size, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """The rivals' network, always the same."""
    torch.manual_seed(0)
    return plain_conv4(*size, WAY).to(dtype)


def theta_of(plain: nn.Sequential, tree: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What belongs to the rivals' parameters in a tree of ours, or the other way round: by order.

    Ours has no bias before a batch norm, where it changes nothing.
    """
    names = [n for n, _ in plain.named_parameters() if not _idle(n)]
    return dict(zip(names, tree.values(), strict=True))


def _idle(name: str) -> bool:
    layer, kind = name.split(".")
    return kind == "bias" and int(layer) < 16 and int(layer) % 4 == 0


def tasks(size: Size, k: int, dtype: torch.dtype = torch.float32) -> list[Task]:
    """Of noise: what an image shows costs nothing."""
    chance = torch.Generator().manual_seed(1)

    def images(n: int) -> Tensor:
        shape = n, size.channels, size.pixels, size.pixels
        return torch.randn(shape, generator=chance, dtype=torch.float64).to(dtype)

    labels = torch.arange(WAY)
    return [
        Task([Batch(images(WAY), labels)] * k, Batch(images(WAY * QUERIES), labels.repeat(QUERIES)))
        for _ in range(TASKS)
    ]


def mine(estimator: Estimator, size: Size, k: int, dtype: torch.dtype = torch.float32) -> Step:
    """A meta-gradient of ours, with the rivals' weights."""
    plain = network(size, dtype)
    ours = Conv4(WAY, channels=size.channels, size=size.pixels, width=size.width).to(dtype)
    given = [p.detach() for n, p in plain.named_parameters() if not _idle(n)]
    ours.load_state_dict(dict(zip(ours.state_dict(), given, strict=True)))
    problem = MAML(functional(ours), inner_lr=RATE)
    laid_out = [
        Task([_laid_out(task.inner[0])] * k, _laid_out(task.outer))
        for task in tasks(size, k, dtype)
    ]
    return partial(estimator, problem, problem.theta(ours), laid_out)


def _laid_out(batch: Batch) -> Batch:
    """Images as the project's own data come."""
    return Batch(channels_last(batch.inputs), batch.targets)


def theirs(name: str, size: Size, k: int) -> Step:
    """A rival's meta-gradient."""
    plain = network(size)
    step = rivals.RIVALS[name][0](plain, tasks(size, k), RATE)

    def fresh() -> None:
        plain.zero_grad(set_to_none=True)
        step()

    return fresh


def step_of(cell: Cell, size: Size) -> Step:
    """What a cell of the table takes the time of."""
    name, k = cell
    return mine(OURS[name], size, k) if name in OURS else theirs(name, size, k)


def agreement(size: Size, k: int = 3) -> dict[str, float]:
    """The largest relative gap of each exact gradient to ours, in float64.

    Raises:
        SystemExit: if one is another gradient; then no time would be worth comparing.
    """
    gaps = {}
    exact = mine(Exact(), size, k, torch.float64)()
    for name, rival in rivals.importable().items():
        plain = network(size, torch.float64)
        rival(plain, tasks(size, k, torch.float64), RATE)()
        ours = theta_of(plain, exact.grad)
        found = {n: p.grad for n, p in plain.named_parameters() if p.grad is not None}
        gaps[name] = max(float((found[n] - g).norm() / g.norm()) for n, g in ours.items())
        if gaps[name] > AGREED:
            sys.exit(f"error: {name} has another gradient than Exact: {gaps[name]:.2g} apart")
    return gaps
