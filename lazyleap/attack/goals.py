"""What an attack is after: another class than the true one, or one class in particular."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lazyleap.errors import InputError


@dataclass(frozen=True)
class Goal:
    """Away from the true class of each image (untargeted), or towards a class of its own.

    ``labels`` int64 ``[N]``: the true classes, or with ``targeted`` the wished-for ones.
    """

    labels: Tensor
    targeted: bool = False

    def of(self, rows: Tensor) -> Goal:
        """The goal for some of the images, ``rows`` ``[n]`` (an image may occur many times)."""
        return Goal(self.labels[rows], self.targeted)


def margin(log_probs: Tensor, goal: Goal) -> Tensor:
    """How far an attack is from success, ``[n]``, in nats; differentiable in ``log_probs``.

    Untargeted ``log p_true - max_other log p``, targeted ``max_other log p - log p_target``.
    ``log_probs`` ``[n, classes]``; raw logits give the same number. Below 0 the attack has
    succeeded: this is the objective of Du et al. (ICLR 2020) without its ``max(., 0)``, which
    finite differences across the decision boundary need, and whose gradient the surrogates give.

    Raises:
        InputError: a label that the classifier has no class for.
    """
    labels = goal.labels[:, None]
    if len(labels) and int(labels.max()) >= log_probs.shape[1]:
        raise InputError(
            f"goal: class {int(labels.max())}, but the classifier has {log_probs.shape[1]} classes"
        )
    own = log_probs.gather(1, labels)[:, 0]
    others = log_probs.scatter(1, labels, -torch.inf).amax(1)
    return others - own if goal.targeted else own - others


def succeeded(margins: Tensor) -> Tensor:
    """Whether the class is another one (or the target), bool ``[n]``.

    Strictly: where two classes tie for the first place the classifier has not changed its mind.
    """
    return margins < 0
