"""Meta-attack: theta is where a predictor of a classifier's input gradient starts."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from lazyleap.algorithms.maml import MAML, Loss


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
