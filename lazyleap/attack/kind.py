"""Attacks by queries: what such tasks are, and which algorithms they take."""

from __future__ import annotations

from typing import Any

from lazyleap.attack.options import AttackTask
from lazyleap.bilevel import Adapts
from lazyleap.errors import InputError
from lazyleap.setting import Setting

Options, CLASSIFIERS = AttackTask, True
NEEDS = "a search for adversarial images (run), or an algorithm whose options say how to (search)"
READS = {
    "prepare": ("dataset", "draw"),
    "train": ("model", "training", "draw.seed"),
    "evaluate": ("model", "test"),
    "export": ("model", "test"),
}


def takes(algorithm: Any) -> bool:
    """Whether it attacks by itself, or with a predictor that it meta-learns."""
    predicts = "search" in algorithm.Options.model_fields and issubclass(algorithm, Adapts)
    return predicts or hasattr(algorithm, "run")


def check(setting: Setting) -> None:
    """Refuse an attack without a target, and a meta-training without a surrogate."""
    name = setting.task_name
    if not setting.targets:
        raise InputError(f"task '{name}' has no classifier to attack: add one to targets")
    if issubclass(setting.algorithm_class, Adapts) and not setting.surrogates:
        raise InputError(f"task '{name}' has no classifier to learn from: add some to surrogates")
