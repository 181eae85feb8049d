"""ANIL: only the head moves in the inner loop; the body is learned by the outer one alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lazyleap.algorithms.maml import MAML
from lazyleap.algorithms.sgd import parameters
from lazyleap.errors import InputError, nearest
from lazyleap.traits import Trait
from lazyleap.trees import Tree


@dataclass(frozen=True)
class ANIL(MAML):
    """MAML whose task model is the head: parameters whose names start with ``head``.

    theta is the whole network under its own names; phi is the head's part of it.
    Source: Raghu, Raghu, Bengio and Vinyals, ICLR 2020.
    """

    head: str = "head."
    traits: ClassVar[frozenset[Trait]] = MAML.traits - {Trait.START}  # the body takes no inner step

    def init(self, theta: Tree) -> Tree:
        """``phi_0 = theta.head``; InputError if there is none."""
        head = {n: p for n, p in theta.items() if n.startswith(self.head)}
        if not head:
            hint = nearest(self.head, {n[: n.find(".") + 1] or n for n in theta})
            raise InputError(f"ANIL: no name of theta starts with '{self.head}' (head=); {hint}")
        return self.optimizer.start(head)

    def predict(self, phi: Tree, theta: Tree, inputs: Tensor) -> Tensor:
        """The whole network, with ``phi`` for its head."""
        return self.forward({**theta, **parameters(phi)}, inputs)
