"""Few-shot learning: what its tasks are, and which algorithms they take."""

from __future__ import annotations

from typing import Any

from lazyleap.bilevel import Adapts
from lazyleap.errors import InputError
from lazyleap.fewshot.options import FewShotTask, task
from lazyleap.setting import Setting
from lazyleap.traits import Trait

Options, CLASSIFIERS = FewShotTask, False
NEEDS = "an algorithm that adapts a network to a support set (theta, predict)"
READS = {
    "prepare": ("dataset", "draw", "grouped"),
    "train": ("model", "training", "grouped", "batch"),
    "evaluate": ("model", "training.way", "test", "grouped", "batch"),
    "export": ("model", "training.way", "training.shot", "batch"),
}


def takes(algorithm: Any) -> bool:
    """Whether it adapts a network, and not one to attack with."""
    return "search" not in algorithm.Options.model_fields and issubclass(algorithm, Adapts)


def check(setting: Setting) -> None:
    """Refuse an estimator that wants one inner batch where each step sees images of its own.

    Raises:
        InputError: naming both.
    """
    size, needs = task(setting).batch, setting.make_estimator().needs
    if size is not None and Trait.ONE_BATCH in needs:
        raise InputError(
            f"estimator '{setting.estimator}' does not go with task '{setting.task_name}', whose "
            f"inner steps see {size} images each, others at every step: it needs that "
            f"{Trait.ONE_BATCH}, as {needs[Trait.ONE_BATCH]}"
        )
