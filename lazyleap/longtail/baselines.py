"""Weights and losses by rules: cross-entropy, class-balanced, LDAM with deferred re-weighting."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from lazyleap.blocks import Block, Fraction, Rate
from lazyleap.training.loop import Metrics
from lazyleap.trees import Tree


class Fixed:
    """A weight and a margin a class, the same at every step from ``since`` on; before, weight 1.

    Args:
        class_weights: ``[C]``.
        since: the training step from which they count (deferred re-weighting).
        margins: ``[C]``, taken off the logit of an example's own class.
    """

    def __init__(
        self, class_weights: Tensor, *, since: float = 0, margins: Tensor | None = None
    ) -> None:
        self.class_weights, self.since, self.margins = class_weights, since, margins

    def learn(self, iteration: int, classifier: Tree, share: float) -> dict[str, Tensor]:
        """Nothing to learn."""
        return {}

    def describe(self) -> Metrics:
        """Nothing to say."""
        return {}

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy ``[n]``, the margin taken off."""
        if self.margins is not None:
            own = labels[:, None] == torch.arange(logits.shape[1], device=labels.device)
            logits = logits - own * self.margins.to(logits)[labels, None]
        return functional.cross_entropy(logits, labels, reduction="none")

    def weights(self, iteration: int, losses: Tensor, labels: Tensor) -> Tensor:
        """The examples' class weights ``[n]``, with sum 1."""
        if iteration < self.since:
            return torch.full_like(losses, 1 / len(losses))
        found = self.class_weights.to(losses)[labels]
        return found / found.sum()

    @property
    def theta(self) -> dict[str, Tensor]:
        """Nothing is learned beside the classifier."""
        return {}

    def posed(self, classifier: Tree, learned: Tree, count: int) -> None:
        """Nothing to solve."""

    def state(self) -> dict[str, Any]:
        """None."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Nothing to do."""


class BaselineOptions(Block):
    """``mean_decay``: of the running means of weights by class, for the log."""

    mean_decay: Fraction


class CrossEntropy:
    """Every example counts the same."""

    Options: ClassVar[type[BaselineOptions]] = BaselineOptions

    @classmethod
    def weigher(cls, options: Any, counts: Tensor, iterations: int) -> Fixed:  # noqa: ARG003
        """Its weights and losses, for classes of ``counts [C]`` training images."""
        return Fixed(torch.ones(len(counts), device=counts.device))


class ClassBalancedOptions(BaselineOptions):
    """``beta``: of the effective number of samples."""

    beta: Fraction


class ClassBalanced(CrossEntropy):
    """Weights by the effective number of a class's images, see :func:`class_balanced`."""

    Options: ClassVar[type[BaselineOptions]] = ClassBalancedOptions

    @classmethod
    def weigher(cls, options: Any, counts: Tensor, iterations: int) -> Fixed:  # noqa: ARG003
        """As :meth:`CrossEntropy.weigher`."""
        return Fixed(class_balanced(counts, options.beta))


class LdamOptions(ClassBalancedOptions):
    """``margin``: the largest, in cosines; ``scale`` of these; ``deferred``: fraction of training.

    After it examples are weighted as class-balanced ones.
    """

    margin: Rate
    scale: Rate
    deferred: Annotated[float, Field(ge=0, le=1)]


class LdamDrw(CrossEntropy):
    """Margins by class (see :func:`ldam_margins`), with deferred re-weighting."""

    Options: ClassVar[type[BaselineOptions]] = LdamOptions

    @classmethod
    def weigher(cls, options: Any, counts: Tensor, iterations: int) -> Fixed:
        """As :meth:`CrossEntropy.weigher`."""
        return Fixed(
            class_balanced(counts, options.beta),
            since=options.deferred * iterations,
            margins=ldam_margins(counts, options.margin, options.scale),
        )


def class_balanced(counts: Tensor, beta: float) -> Tensor:
    """``(1 - beta) / (1 - beta^n_c)``, scaled to mean 1: the inverse effective number of samples.

    Source: Cui, Jia, Lin, Song and Belongie, CVPR 2019.
    """
    weights = (1 - beta) / (1 - beta ** counts.double())
    return weights / weights.mean()


def ldam_margins(counts: Tensor, largest: float, scale: float) -> Tensor:
    """``scale * C / n_c^(1/4)``, C such that the largest is ``scale * largest``.

    For logits of a cosine head times ``scale``. Source: Cao, Wei, Gaidon, Arechiga and Ma,
    NeurIPS 2019.
    """
    margins = counts.double() ** -0.25
    return scale * largest * margins / margins.max()
