"""SIREN, a network of sines from a place to a colour, and the problem that is made of it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lazyleap.algorithms import MAML
from lazyleap.datasets.store import Prepared
from lazyleap.models import functional
from lazyleap.seeding import seed_torch
from lazyleap.setting import Setting
from neural_fields.options import ModelOptions, task


class Siren(nn.Module):
    """Layers of ``x <- sin(w0 (W x + b))`` and a linear head: ``[n, 2]`` to ``[n, C]``.

    Initialised so that phases are spread over the whole period and each layer's sum is about a
    standard normal one. Source: Sitzmann, Martel, Bergman, Lindell and Wetzstein, NeurIPS 2020,
    section 3.2.
    """

    def __init__(self, channels: int, *, layers: int, width: int, w0: float) -> None:
        super().__init__()
        sizes = [2] + [width] * layers
        self.body = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.head = nn.Linear(width, channels)
        self.w0 = w0
        for name, p in self.named_parameters():
            nn.init.uniform_(p, -self.bound(name), self.bound(name))

    def bound(self, name: str) -> float:
        """A parameter's initial numbers are uniform between minus and plus this."""
        if name.endswith("bias"):
            return 0.0
        return 0.5 if name == "body.0.weight" else math.sqrt(6 / self.head.in_features) / self.w0

    def forward(self, places: Tensor) -> Tensor:
        """Colours in -1..1, about, at ``places`` in -1..1."""
        for layer in self.body:
            places = torch.sin(self.w0 * layer(places))
        colours: Tensor = self.head(places)
        return colours

    def side_by_side(self, places: Tensor) -> Tensor:
        """``[t, n, 2]`` to ``[t, n, C]``, where parameters are those of t networks.

        The frequency is a factor of the matrix product, which saves a pass over each layer.
        """
        for layer in self.body:
            places = torch.sin(_affine(layer, places, self.w0))
        return _affine(self.head, places)


def _affine(layer: Any, inputs: Tensor, factor: float = 1.0) -> Tensor:
    weight, bias = layer.weight.transpose(1, 2), layer.bias.unsqueeze(1)
    sums: Tensor = torch.baddbmm(bias, inputs, weight, alpha=factor, beta=factor)
    return sums


def build(options: ModelOptions, channels: int) -> Siren:
    """The network that params.yaml asks for, initialised from torch's global stream."""
    return Siren(channels, layers=options.layers, width=options.width, w0=options.w0)


def problem_of(
    setting: Setting, data: Prepared, device: torch.device
) -> tuple[MAML, dict[str, Tensor]]:
    """The problem of a setting, and where its theta starts."""
    seed_torch(setting.seed, "network")
    network = build(task(setting).model, data.info["channels"]).to(device)
    problem = setting.make_problem(functional(network), loss=nn.functional.mse_loss)
    return problem, problem.theta(network)
