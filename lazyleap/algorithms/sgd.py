"""The inner optimiser: SGD with momentum as a pure function of trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lazyleap.bilevel import Tree, add, multiply
from lazyleap.errors import check_number
from lazyleap.traits import Trait

BUFFER = "momentum/"


@dataclass(frozen=True)
class SGD:
    """``b <- momentum * b + g;  p <- p - rate * b`` (no buffers when ``momentum`` is 0).

    A task model phi is its parameters and, under ``momentum/NAME``, a buffer for each, zero at the
    start. Linear in (phi, g).
    """

    momentum: float = 0.0
    offers: ClassVar[frozenset[Trait]] = frozenset({Trait.LINEAR, Trait.RESTS})

    def __post_init__(self) -> None:
        check_number("momentum", self.momentum, below=1, closed=True)

    def start(self, parameters: Tree) -> dict[str, Tensor]:
        """The task model that starts at ``parameters``."""
        buffers = {BUFFER + n: torch.zeros_like(p) for n, p in parameters.items()}
        return {**parameters, **(buffers if self.momentum else {})}

    def step(self, phi: Tree, grad: Tree, rate: float | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One step; ``rate`` is a number or a tree like the parameters."""
        buffers = grad
        if self.momentum:
            buffers = add(grad, {n: phi[BUFFER + n] for n in grad}, self.momentum)
        before = {n: phi[n] for n in grad}
        if isinstance(rate, Mapping):
            moved = add(before, multiply(buffers, rate), -1.0)
        else:
            moved = add(before, buffers, -rate)
        return {**moved, **({BUFFER + n: b for n, b in buffers.items()} if self.momentum else {})}


def parameters(phi: Tree) -> dict[str, Tensor]:
    """The parameters of a task model, without the inner optimiser's buffers."""
    return {n: p for n, p in phi.items() if not n.startswith(BUFFER)}
