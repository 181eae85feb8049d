"""Meta-SGD: theta is where the task model starts and a rate for each of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from lazyleap.algorithms.maml import MAML
from lazyleap.errors import check_names
from lazyleap.traits import Trait
from lazyleap.trees import Tree

INIT, RATE = "init/", "rate/"


@dataclass(frozen=True)
class MetaSGD(MAML):
    """MAML with learned inner rates, ``phi - rates * grad``; ``inner_lr`` is where they start.

    theta holds ``init/NAME`` and ``rate/NAME`` for every parameter, and nothing else. Rates may
    become negative, as in the source: Li, Zhou, Chen and Li, arXiv 1707.09835, 2017.
    """

    traits: ClassVar[frozenset[Trait]] = MAML.traits - {Trait.START, Trait.FIXED_UPDATE}

    @property
    def offers(self) -> frozenset[Trait]:
        """What an estimator may rely on; rates differ from parameter to parameter."""
        return super().offers - {Trait.DESCENT}

    def theta(self, network: nn.Module | Tree) -> dict[str, Tensor]:
        """The meta-parameters of a network: its parameters and rates of ``inner_lr``."""
        parameters = super().theta(network)
        rates = {RATE + n: torch.full_like(p, self.inner_lr) for n, p in parameters.items()}
        return {**{INIT + n: p for n, p in parameters.items()}, **rates}

    def init(self, theta: Tree) -> Tree:
        """``phi_0 = theta.init``; InputError if theta has other names than it should."""
        names = list(select(theta, INIT)) or ["NAME"]
        wanted = [prefix + n for prefix in (INIT, RATE) for n in names]
        check_names(theta, wanted, "part of Meta-SGD's theta, which MetaSGD.theta makes")
        return self.optimizer.start(select(theta, INIT))

    def update(self, phi: Tree, grad: Tree, theta: Tree) -> Tree:
        """``phi - theta.rates * grad``."""
        return self.optimizer.step(phi, grad, select(theta, RATE))


def select(theta: Tree, prefix: str) -> dict[str, Tensor]:
    """The part of ``theta`` whose names start with ``prefix``, without it."""
    return {n.removeprefix(prefix): p for n, p in theta.items() if n.startswith(prefix)}
