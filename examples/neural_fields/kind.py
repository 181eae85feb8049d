"""What tasks of neural fields are, and what they refuse besides what the schema does."""

from __future__ import annotations

from typing import Any

from lazyleap.bilevel import Adapts
from lazyleap.errors import InputError
from lazyleap.setting import Setting
from lazyleap.traits import Trait
from neural_fields.options import FieldTask

Options, CLASSIFIERS = FieldTask, False
NEEDS = "an algorithm that adapts a network to an image (theta, predict)"
READS = {
    "prepare": ("dataset", "draw"),
    "train": ("model", "training"),
    "evaluate": ("model", "test"),
    "export": ("model",),
}


def takes(algorithm: Any) -> bool:
    """Whether it adapts a network, and not one to attack with."""
    return "search" not in algorithm.Options.model_fields and issubclass(algorithm, Adapts)


def check(setting: Setting) -> None:
    """Refuse an estimator that wants one inner batch where each step samples pixels of its own.

    Raises:
        InputError: naming both.
    """
    share, needs = setting.task.training.pixels, setting.make_estimator().needs
    if share < 1 and Trait.ONE_BATCH in needs:
        raise InputError(
            f"estimator '{setting.estimator}' wants one batch at all inner steps, and with "
            f"training.pixels {share:g} each step samples its own: set pixels to 1"
        )
