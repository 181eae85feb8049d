"""L2RW: one weight for each example of the mini-batch at hand, learned at every training step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lazyleap.algorithms.weighting import Weighted, Weighting, WeightingOptions
from lazyleap.blocks import Count
from lazyleap.errors import InputError, check_names
from lazyleap.trees import Tree

EPS = "eps"


class ReweightOptions(WeightingOptions):
    """``patience``: mini-batches in a row without any weight, after which training is given up."""

    patience: Count


@dataclass(frozen=True)
class Reweight(Weighting):
    """theta is ``eps [n]``, the weights of the step whose batch has none of its own.

    eps starts at zero and is never stepped along: its meta-gradient there says which examples
    would have helped. Where the weighted step is the last,

        d outer / d eps_i = -alpha <grad outer(phi_k), grad ce_i(phi_{k-1})>

    Source: Ren, Zeng, Yang and Urtasun, ICML 2018 (k = 1).
    """

    Options: ClassVar[type[WeightingOptions]] = ReweightOptions

    def init(self, theta: Tree) -> Tree:
        """``phi_0 = w``; InputError unless theta is ``eps``."""
        check_names(theta, [EPS], "vector of weights")
        return super().init(theta)

    def weigh(self, theta: Tree, batch: Weighted, losses: Tensor) -> Tensor:
        """``eps``, or the weights that the batch carries."""
        weights = theta[EPS] if batch.weights is None else batch.weights
        if weights.shape != losses.shape:
            raise InputError(
                f"{list(weights.shape)} weights ({EPS}, or the batch's) for a batch of "
                f"{list(losses.shape)} examples"
            )
        return weights


def zero(batch: Weighted) -> dict[str, Tensor]:
    """``eps = 0`` for the examples of ``batch``."""
    like = batch.inputs
    return {EPS: torch.zeros(len(batch.targets), dtype=like.dtype, device=like.device)}


def normalised(grad: Tensor) -> Tensor:
    """``max(-grad, 0)`` with sum 1; all zero where no example would have helped."""
    helpful = (-grad).clamp(min=0)
    total = helpful.sum()
    return torch.where(total > 0, helpful / total, helpful)
