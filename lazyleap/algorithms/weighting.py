"""Example weighting: what L2RW and Meta-Weight-Net have in common.

phi is a virtual copy of the running classifier; theta, what is meta-learned, says how much each
example of an inner step counts. Steps are ``phi - alpha sum_i w_i grad ce_i(phi)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args

from torch import Tensor
from torch.nn import functional

from lazyleap.algorithms.sgd import SGD, InnerOptimizer, parameters
from lazyleap.bilevel import Batch, Forward, gradient
from lazyleap.blocks import Block, Fraction, Rate
from lazyleap.errors import InputError, check_number, nearest
from lazyleap.traits import Trait
from lazyleap.trees import Tree

WeightedStep = Literal["last", "first"]


class WeightingOptions(Block):
    """``inner_lr``: rate of the virtual steps at the peak of the classifier's, falling with it.

    ``mean_decay``: of the running means of weights by class.
    """

    inner_lr: Rate
    weighted_step: WeightedStep
    mean_decay: Fraction


class Weighted(NamedTuple):
    """Inputs ``[n, ...]``, labels ``[n]``, fixed weights ``[n]``; None: theta decides."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None = None


@dataclass(frozen=True)
class Weighting:
    """``init`` is the running classifier, a constant; judged by the balanced meta set.

    Args:
        forward: the network with batch statistics and no running ones, which steps taken in
            thought alone must not move.
        classifier: parameters of the running classifier; another one at each training step.
        inner_lr: alpha.
        optimizer: momentum of the virtual steps; none, as published, unless said otherwise.
        weighted_step: where among the inner batches the one is whose weights are learned; see
            :func:`in_order`. A teacher always takes that step, whatever others it takes.
    """

    forward: Forward
    classifier: Tree
    inner_lr: float
    optimizer: InnerOptimizer = field(default_factory=SGD)
    weighted_step: WeightedStep = "last"
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.FIXED_UPDATE})

    Options: ClassVar[type[WeightingOptions]] = WeightingOptions

    def __post_init__(self) -> None:
        check_number("inner_lr", self.inner_lr)
        if self.weighted_step not in get_args(WeightedStep):
            hint = nearest(self.weighted_step, get_args(WeightedStep))
            raise InputError(f"weighted_step '{self.weighted_step}' is unknown; {hint}")

    @classmethod
    def build(
        cls, options: Any, forward: Forward, classifier: Tree | None = None, share: float = 1.0
    ) -> Self:
        """The problem at a classifier, ``share`` being its rate as a share of the peak."""
        rate = options.inner_lr * share
        return cls(forward, classifier or {}, rate, weighted_step=options.weighted_step)

    @property
    def offers(self) -> frozenset[Trait]:
        """What an estimator may rely on."""
        return self.traits | self.optimizer.offers

    def taught(self, horizon: int) -> tuple[int, ...]:
        """The weighted step."""
        return (horizon - 1 if self.weighted_step == "last" else 0,)

    def init(self, theta: Tree) -> Tree:
        """``phi_0 = w``."""
        return self.optimizer.start(self.classifier)

    def inner_grad(self, phi: Tree, theta: Tree, batch: Weighted) -> Tree:
        """``sum_i w_i grad ce_i(phi)``; the weights are constants of this derivative alone."""

        def losses(p: Tree) -> Tensor:
            outputs = self.forward(p, batch.inputs)
            return functional.cross_entropy(outputs, batch.targets, reduction="none")

        return gradient(losses, parameters(phi), partial(self.weigh, theta, batch))

    def weigh(self, theta: Tree, batch: Weighted, losses: Tensor) -> Tensor:
        """The weight of each example of an inner step, ``[n]``, from its loss ``[n]``."""
        raise NotImplementedError

    def update(self, phi: Tree, grad: Tree, theta: Tree) -> Tree:
        """``phi - alpha grad``."""
        return self.optimizer.step(phi, grad, self.inner_lr)

    def outer_loss(self, phi: Tree, theta: Tree, batch: Batch) -> Tensor:
        """Cross-entropy on the meta set."""
        outputs = self.forward(parameters(phi), batch.inputs)
        return functional.cross_entropy(outputs, batch.targets)


def in_order(
    now: Weighted, ahead: Sequence[Weighted], weighted_step: WeightedStep
) -> list[Weighted]:
    """The inner batches of a training step: ``now``, whose weights are learned, last or first."""
    return [*ahead, now] if weighted_step == "last" else [now, *ahead]
