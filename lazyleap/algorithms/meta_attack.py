"""Meta-attack: theta is where a predictor of a classifier's input gradient starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from lazyleap.algorithms.maml import MAML, MAMLOptions
from lazyleap.bilevel import Forward, Loss
from lazyleap.blocks import Block, Count, Held, Rate, Width


class PredictedSearch(Block):
    """How a predictor is used; see :class:`lazyleap.attack.predicted.Predicted`."""

    every: Count
    coordinates: Held
    width: Width
    finetune_steps: Annotated[int, Field(ge=0, le=10**5)]
    finetune_lr: Rate
    step: Rate
    keep_measured: bool
    follow: Count | None
    copies: Held


LossName = Literal["squared_error", "cosine"]
"""What a predictor is trained and fine-tuned to make small."""

Distance = Callable[[Tensor, Tensor], Tensor]
"""Maps and gradients ``[n, N]`` -> how far each map is from its gradient, ``[n]``."""


class MetaAttackOptions(MAMLOptions):
    """A gradient predictor: its meta-training, and how it is used in an attack.

    ``loss``: of both loops and of the fine-tuning in an attack. ``squared_error`` is the published
    one; ``cosine`` (ours) asks for the direction alone, which is all that a step of an attack uses.
    """

    loss: LossName
    search: PredictedSearch


def squared_errors(maps: Tensor, gradients: Tensor) -> Tensor:
    """Of each of ``[n, N]`` the mean over N of ``(map - gradient)^2``, ``[n]``."""
    return (maps - gradients).square().mean(1)


def cosine_distances(maps: Tensor, gradients: Tensor) -> Tensor:
    """Of each of ``[n, N]`` one less the cosine of map and gradient, ``[n]``; 1 where one is 0."""
    return 1 - functional.cosine_similarity(maps, gradients, dim=1)


def squared_error(maps: Tensor, gradients: Tensor) -> Tensor:
    """Mean over images and pixels of ``(map - gradient)^2``, a scalar."""
    return functional.mse_loss(maps, gradients)


def cosine(maps: Tensor, gradients: Tensor) -> Tensor:
    """Mean over images ``[n, C, H, W]`` of one less the cosine with the gradient, a scalar."""
    return cosine_distances(maps.flatten(1), gradients.flatten(1)).mean()


LOSSES: dict[LossName, tuple[Loss, Distance]] = {
    "squared_error": (squared_error, squared_errors),
    "cosine": (cosine, cosine_distances),
}
"""Of a batch, and of each image of it by itself."""


@dataclass(frozen=True)
class MetaAttack(MAML):
    """A task is one surrogate: batches are images ``[n, C, H, W]`` and its gradients, like them.

    The four functions are MAML's with the squared error, or the cosine, for both losses: an inner
    step goes down it on some pairs, and theta is judged by it on others.
    Source: Du, Zhang, Zhou, Yu and Tao, ICLR 2020 (with Reptile as the estimator).
    """

    loss: Loss = squared_error
    AT_TEST: ClassVar[tuple[str, ...]] = ("search",)
    Options: ClassVar[type[MAMLOptions]] = MetaAttackOptions

    @classmethod
    def build(cls, options: Any, forward: Forward, **parts: Any) -> Self:
        """The problem that ``options`` and a network make, with the loss that they name."""
        return super().build(options, forward, **({"loss": LOSSES[options.loss][0]} | parts))
