"""Meta-attack: theta is where a predictor of a classifier's input gradient starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from lazyleap.algorithms.maml import MAML, MAMLOptions
from lazyleap.bilevel import Loss
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


class MetaAttackOptions(MAMLOptions):
    """A gradient predictor: its meta-training, and how it is used in an attack."""

    search: PredictedSearch


def squared_error(maps: Tensor, gradients: Tensor) -> Tensor:
    """Mean over images and pixels of ``(map - gradient)^2``, a scalar."""
    return functional.mse_loss(maps, gradients)


@dataclass(frozen=True)
class MetaAttack(MAML):
    """A task is one surrogate: batches are images ``[n, C, H, W]`` and its gradients, like them.

    The four functions are MAML's with the squared error for both losses: an inner step goes down
    it on some pairs, and theta is judged by it on others.
    Source: Du, Zhang, Zhou, Yu and Tao, ICLR 2020 (with Reptile as the estimator).
    """

    loss: Loss = squared_error
    AT_TEST: ClassVar[tuple[str, ...]] = ("search",)
    Options: ClassVar[type[MAMLOptions]] = MetaAttackOptions
