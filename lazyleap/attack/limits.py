"""How far an adversarial image may be from the clean one, and the steps that suit the distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lazyleap.errors import InputError

Norm = Literal["l2", "linf"]


@dataclass(frozen=True)
class Limit:
    """A ball about the clean image, ``epsilon`` in pixels of 0..1.

    ``l2``: Euclidean length over all pixels and channels; ``linf``: the largest change.
    """

    norm: Norm
    epsilon: float

    def __post_init__(self) -> None:
        if self.norm not in ("l2", "linf"):
            raise InputError(f"limit: norm '{self.norm}'; valid: l2, linf")
        if not 0 < self.epsilon < float("inf"):
            raise InputError(f"limit: epsilon {self.epsilon}; valid: finite and above 0")

    def project(self, perturbation: Tensor) -> Tensor:
        """The nearest perturbations ``[n, C, H, W]`` in the ball (Euclidean projection)."""
        if self.norm == "linf":
            return perturbation.clamp(-self.epsilon, self.epsilon)
        length = lengths(perturbation)
        return perturbation * (self.epsilon / length.clamp_min(self.epsilon))

    def apply(self, clean: Tensor, perturbation: Tensor) -> Tensor:
        """``clean`` changed by the projected perturbation and clipped to valid pixels.

        Clipping moves no pixel of a valid image further, so the result is within both.
        """
        return (clean + self.project(perturbation)).clamp(0, 1)

    def direction(self, gradient: Tensor) -> Tensor:
        """The steepest step of length 1: ``g / ||g||`` (l2) or the signs (linf); 0 stays 0."""
        if self.norm == "linf":
            return gradient.sign()
        length = lengths(gradient)
        return gradient / torch.where(length > 0, length, 1)


def lengths(images: Tensor) -> Tensor:
    """Euclidean length of each image, ``[n, 1, 1, 1]``."""
    length: Tensor = torch.linalg.vector_norm(images, dim=(1, 2, 3), keepdim=True)
    return length
