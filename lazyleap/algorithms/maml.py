"""MAML: theta is where the task model starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from torch import Tensor, nn
from torch.nn import functional

from lazyleap.algorithms.sgd import SGD, InnerOptimizer, parameters
from lazyleap.bilevel import Batch, Forward, Loss, gradient
from lazyleap.blocks import Block, Momentum, Outer, Rate
from lazyleap.errors import check_number
from lazyleap.models.stateless import weights
from lazyleap.traits import Trait
from lazyleap.trees import Tree


class MAMLOptions(Block):
    """Inner rate (or where learned rates start) and momentum, and the outer optimiser."""

    inner_lr: Rate
    momentum: Momentum
    outer: Outer


@dataclass(frozen=True)
class MAML:
    """``init(theta) = theta``; an inner step goes down the support loss at rate ``inner_lr``.

    Args:
        forward: the network, e.g. :func:`lazyleap.models.functional` of an ``nn.Module``.
        loss: of outputs and targets, for both loops; cross-entropy unless said otherwise.
        inner_lr: alpha.
        optimizer: the inner optimiser; plain SGD unless said otherwise.

    Raises:
        InputError: if ``inner_lr`` is not finite and above 0.

    Source: Finn, Abbeel and Levine, ICML 2017.
    """

    forward: Forward
    inner_lr: float
    loss: Loss = functional.cross_entropy
    optimizer: InnerOptimizer = field(default_factory=SGD)
    traits: ClassVar[frozenset[Trait]] = frozenset(
        {Trait.START, Trait.OUTSIDE, Trait.FIXED_UPDATE, Trait.ONE_BATCH}
    )
    """What is true of it whatever its inner optimiser."""

    Options: ClassVar[type[MAMLOptions]] = MAMLOptions

    def __post_init__(self) -> None:
        check_number("inner_lr", self.inner_lr)

    @classmethod
    def build(cls, options: Any, forward: Forward, **parts: Any) -> Self:
        """The problem that ``options`` (of this class's ``Options``) and a network make."""
        return cls(forward, options.inner_lr, optimizer=SGD(options.momentum), **parts)

    @property
    def offers(self) -> frozenset[Trait]:
        """What an estimator may rely on."""
        return self.traits | self.optimizer.offers

    def theta(self, network: nn.Module | Tree) -> dict[str, Tensor]:
        """Where meta-learning of a network, or of its parameters, starts."""
        return weights(network) if isinstance(network, nn.Module) else dict(network)

    def init(self, theta: Tree) -> Tree:
        """``phi_0 = theta``."""
        return self.optimizer.start(theta)

    def inner_grad(self, phi: Tree, theta: Tree, batch: Batch) -> Tree:
        """The gradient of the support loss."""

        def support_loss(p: Tree) -> Tensor:
            return self.loss(self.predict(p, theta, batch.inputs), batch.targets)

        return gradient(support_loss, parameters(phi))

    def update(self, phi: Tree, grad: Tree, theta: Tree) -> Tree:
        """``phi - alpha grad``."""
        return self.optimizer.step(phi, grad, self.inner_lr)

    def outer_loss(self, phi: Tree, theta: Tree, batch: Batch) -> Tensor:
        """The query loss."""
        return self.loss(self.predict(phi, theta, batch.inputs), batch.targets)

    def predict(self, phi: Tree, theta: Tree, inputs: Tensor) -> Tensor:
        """What the task model ``phi`` answers to ``inputs``."""
        return self.forward(parameters(phi), inputs)
