"""Few-shot learning: what its tasks are, and which algorithms they take."""

from __future__ import annotations

from typing import Any

from lazyleap.bilevel import Adapts
from lazyleap.fewshot.options import FewShotTask
from lazyleap.setting import Setting

Options, CLASSIFIERS = FewShotTask, False
NEEDS = "an algorithm that adapts a network to a support set (theta, predict)"
READS = {
    "prepare": ("dataset", "draw"),
    "train": ("model", "training"),
    "evaluate": ("model", "training.way", "test"),
    "export": ("model", "training.way", "training.shot"),
}


def takes(algorithm: Any) -> bool:
    """Whether it adapts a network, and not one to attack with."""
    return "search" not in algorithm.Options.model_fields and issubclass(algorithm, Adapts)


def check(setting: Setting) -> None:
    """All is said by the schema."""
