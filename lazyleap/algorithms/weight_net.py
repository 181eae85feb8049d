"""Meta-Weight-Net: a small network from an example's loss to its weight, learned beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from lazyleap.algorithms.weighting import Weighted, Weighting, WeightingOptions
from lazyleap.blocks import Held, Outer
from lazyleap.errors import check_names
from lazyleap.trees import Tree

NAMES = ("hidden.weight", "hidden.bias", "output.weight", "output.bias")


class WeightNetOptions(WeightingOptions):
    """``hidden``: units of V; ``outer``: its optimiser."""

    hidden: Held
    outer: Outer


@dataclass(frozen=True)
class WeightNet(Weighting):
    """theta is V; an inner step goes along ``mean_i V(ce_i(phi); theta) grad ce_i(phi)``.

    V(ce) is a constant of the first derivative and tracked in the second, through theta and
    through phi alike: differentiating ``V(ce) * ce`` whole would be another algorithm.
    Source: Shu et al., NeurIPS 2019 (k = 1).
    """

    Options: ClassVar[type[WeightingOptions]] = WeightNetOptions

    @classmethod
    def initial(cls, options: Any) -> dict[str, Tensor]:
        """Theta before it has learned anything, from torch's global stream."""
        return start(options.hidden)

    def init(self, theta: Tree) -> Tree:
        """``phi_0 = w``; InputError unless theta is what :func:`start` makes."""
        check_names(theta, NAMES, "parameter of V")
        return super().init(theta)

    def weigh(self, theta: Tree, batch: Weighted, losses: Tensor) -> Tensor:
        """``V(ce; theta) / n``."""
        return weight(theta, losses) / len(losses)


def start(hidden: int) -> dict[str, Tensor]:
    """V of 1-``hidden``-1 units, initialised from torch's global stream."""
    layers = {"hidden": nn.Linear(1, hidden), "output": nn.Linear(hidden, 1)}
    return {
        f"{name}.{part}": p.detach().clone()
        for name, layer in layers.items()
        for part, p in layer.named_parameters()
    }


def weight(theta: Tree, losses: Tensor) -> Tensor:
    """``V(losses; theta)``, each by itself: ``[n]`` to ``[n]`` in 0..1."""
    hidden = functional.linear(losses[:, None], theta["hidden.weight"], theta["hidden.bias"])
    output = functional.linear(hidden.relu(), theta["output.weight"], theta["output.bias"])
    return torch.sigmoid(output)[:, 0]
