"""The network that a few-shot task asks for, and the problem that is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lazyleap.algorithms import MAML
from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import Prepared
from lazyleap.fewshot.options import task
from lazyleap.models import Conv4, ResNet12, functional, sizes, users
from lazyleap.seeding import seed_torch
from lazyleap.setting import Setting


def build(options: Any, way: int, image: Mapping[str, int]) -> nn.Module:
    """The network that params.yaml asks for, initialised from torch's global stream.

    ``image`` has ``channels``, ``height`` and ``width``.

    Raises:
        InputError: if the images are not square or too small.
    """
    if (found := users.network(options, way, image)) is not None:
        return found
    side, channels = sizes.side(image), image["channels"]
    if options.backbone == "resnet12":
        return ResNet12(way, channels=channels, width=options.width, norm=options.norm)
    return Conv4(
        way,
        channels=channels,
        size=side,
        width=options.width,
        norm=options.norm,
        downsample=options.downsample,
    )


def problem_of(
    setting: Setting, data: Prepared, device: torch.device
) -> tuple[MAML, dict[str, Tensor]]:
    """The problem of a setting, and where its theta starts."""
    seed_torch(setting.seed, "network")
    network = build(task(setting).model, task(setting).training.way, data.info).to(device)
    problem = setting.make_problem(functional(network))
    return problem, problem.theta(network)


def pixels_of(data: Prepared, part: str, device: torch.device) -> Pixels:
    """One split, normalised as in training."""
    return Pixels(data.split(part), data.info["mean"], data.info["std"], device)
