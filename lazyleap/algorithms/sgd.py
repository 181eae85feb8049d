"""Inner optimisers as pure functions of trees: SGD, with momentum and weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lazyleap.errors import check_number
from lazyleap.traits import Trait
from lazyleap.trees import Tree, add, multiply

BUFFER = "momentum/"
STATE = (BUFFER, "state/")  # what names of an inner optimiser's buffers begin with


@dataclass(frozen=True)
class SGD:
    """``b <- momentum * b + g + decay * p;  p <- p - rate * b`` (no buffers without momentum).

    A task model phi is its parameters and, under ``momentum/NAME``, a buffer for each, zero at the
    start. Linear in (phi, g). With weight decay the steps rest elsewhere than those without, and
    are no more a displacement along the directions: ``first_order`` and ``implicit`` refuse it;
    they take it as a term of the loss.
    """

    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_number("momentum", self.momentum, below=1, closed=True)
        check_number("weight_decay", self.weight_decay, closed=True)

    @property
    def offers(self) -> frozenset[Trait]:
        """What an estimator may rely on."""
        if self.weight_decay:
            return frozenset()
        plain = frozenset() if self.momentum else frozenset({Trait.DESCENT})
        return plain | {Trait.LINEAR, Trait.RESTS}

    def start(self, parameters: Tree) -> dict[str, Tensor]:
        """The task model that starts at ``parameters``."""
        buffers = {BUFFER + n: torch.zeros_like(p) for n, p in parameters.items()}
        return {**parameters, **(buffers if self.momentum else {})}

    def step(self, phi: Tree, grad: Tree, rate: float | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One step; ``rate`` is a number or a tree like the parameters."""
        before = {n: phi[n] for n in grad}
        buffers = add(grad, before, self.weight_decay) if self.weight_decay else grad
        if self.momentum:
            buffers = add(buffers, {n: phi[BUFFER + n] for n in grad}, self.momentum)
        if isinstance(rate, Mapping):
            moved = add(before, multiply(buffers, rate), -1.0)
        else:
            moved = add(before, buffers, -rate)
        return {**moved, **({BUFFER + n: b for n, b in buffers.items()} if self.momentum else {})}


class InnerOptimizer(Protocol):
    """What moves a task model: :class:`SGD`, :class:`lazyleap.algorithms.adam.Adam`, or another."""

    @property
    def offers(self) -> frozenset[Trait]:
        """What an estimator may rely on, of :class:`lazyleap.traits.Trait`."""
        ...

    def start(self, parameters: Tree) -> dict[str, Tensor]:
        """The task model that starts at ``parameters``: with buffers under names in ``STATE``."""
        ...

    def step(self, phi: Tree, grad: Tree, rate: float | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One step, differentiable in all its arguments."""
        ...


def parameters(phi: Tree) -> dict[str, Tensor]:
    """The parameters of a task model, without the inner optimiser's buffers."""
    return {n: p for n, p in phi.items() if not n.startswith(STATE)}
