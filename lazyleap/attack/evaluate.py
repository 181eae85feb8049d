"""Attacks on every target, through an oracle."""

from __future__ import annotations

import torch

from lazyleap.algorithms.meta_attack import LOSSES
from lazyleap.attack.attempt import Search
from lazyleap.attack.campaign import attack_targets, curve, items, shown, summary, triplets
from lazyleap.attack.chosen import Chosen
from lazyleap.attack.network import predictor
from lazyleap.attack.options import task
from lazyleap.attack.predicted import Predicted
from lazyleap.bilevel import Adapts
from lazyleap.datasets.store import Prepared
from lazyleap.kind import Verdict
from lazyleap.models import functional
from lazyleap.setting import Setting
from lazyleap.trees import Tree


def judge(setting: Setting, theta: Tree, data: Prepared, device: torch.device) -> Verdict:
    """Attack every target on the same images, at the same budget."""
    options = task(setting).test
    results = attack_targets(
        search(setting, theta, data), options, data, setting.targets, setting.seed, device
    )
    found = triplets(results, options.triplets)
    about = {"test_digest": Chosen.load(data.folder / "attacked.npz", data.split("test")).digest}
    return Verdict(
        summary(results, options, setting.seed) | about,
        curve(results, options),
        items(results, options),
        found,
        {f"triplets/{name}": shown(cells) for name, cells in found.items()},
    )


def search(setting: Setting, theta: Tree, data: Prepared) -> Search:
    """The setting's way to an adversarial image."""
    options = setting.algorithm_options
    if issubclass(setting.algorithm_class, Adapts):
        forward = functional(predictor(setting, data.info))
        _, distance = LOSSES[options.loss]
        asked = options.search.model_dump()
        return Predicted(forward=forward, theta=theta, distance=distance, **asked)
    found: Search = setting.algorithm_class(**options.model_dump())
    return found
