"""Adam as an inner optimiser, a pure function of trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lazyleap.errors import check_number
from lazyleap.traits import Trait
from lazyleap.trees import Tree

FIRST, SECOND, COUNT = "state/first/", "state/second/", "state/steps"


@dataclass(frozen=True)
class Adam:
    """``m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  p <- p - rate m^ / sqrt(v^ + eps^2)``.

    ``m^`` and ``v^`` are corrected for their start at zero. The small number stands inside of the
    root, squared, where the published one adds it outside: a root at zero has no derivative. phi
    holds both moments of each parameter and the number of steps; they are leapt over with it.
    Not linear in the direction: ``first_order`` refuses it.
    Source: Kingma and Ba, ICLR 2015.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        check_number("beta1", self.beta1, below=1, closed=True)
        check_number("beta2", self.beta2, below=1, closed=True)
        check_number("eps", self.eps)

    @property
    def offers(self) -> frozenset[Trait]:
        """What an estimator may rely on."""
        return frozenset({Trait.RESTS})

    def start(self, parameters: Tree) -> dict[str, Tensor]:
        """The task model that starts at ``parameters``, its moments zero."""
        moments = {
            part + n: torch.zeros_like(p) for part in (FIRST, SECOND) for n, p in parameters.items()
        }
        first = next(iter(parameters.values()))
        return {**parameters, **moments, COUNT: first.new_zeros(())}

    def step(self, phi: Tree, grad: Tree, rate: float | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One step; ``rate`` is a number or a tree like the parameters."""
        steps = phi[COUNT] + 1
        moved: dict[str, Tensor] = {COUNT: steps}
        for n, g in grad.items():
            m = self.beta1 * phi[FIRST + n] + (1 - self.beta1) * g
            v = self.beta2 * phi[SECOND + n] + (1 - self.beta2) * g.square()
            root = (v / (1 - self.beta2**steps) + self.eps**2).sqrt()
            alpha = rate[n] if isinstance(rate, Mapping) else rate
            moved[n] = phi[n] - alpha * m / (1 - self.beta1**steps) / root
            moved[FIRST + n], moved[SECOND + n] = m, v
        return {n: moved[n] for n in phi}
