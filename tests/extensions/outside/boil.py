"""BOIL: only the body moves in the inner loop; the head is learned by the outer one alone."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lazyleap import MAML, Trait, Tree
from lazyleap.algorithms.sgd import parameters


@dataclass(frozen=True)
class BOIL(MAML):
    """Source: Oh, Yoo, Kim and Yun, ICLR 2021."""

    head: str = "head."
    traits: ClassVar[frozenset[Trait]] = MAML.traits - {Trait.START}

    def init(self, theta: Tree) -> Tree:
        return self.optimizer.start({n: p for n, p in theta.items() if not n.startswith(self.head)})

    def predict(self, phi: Tree, theta: Tree, inputs: Tensor) -> Tensor:
        return self.forward({**theta, **parameters(phi)}, inputs)
