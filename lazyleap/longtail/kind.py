"""Long-tailed classification: what its tasks are, and which algorithms they take."""

from __future__ import annotations

from typing import Any

from lazyleap.algorithms import Weighting
from lazyleap.longtail.options import LongTailTask
from lazyleap.setting import Setting

Options, CLASSIFIERS = LongTailTask, False
NEEDS = "weights for the examples of a mini-batch (a Weighting, or a baseline with a weigher)"
READS = {
    "prepare": ("dataset", "draw"),
    "train": ("model", "training"),
    "evaluate": ("model", "test", "draw.imbalance"),
    "export": ("model", "test.many", "test.few"),
}


def takes(algorithm: Any) -> bool:
    """Whether it weighs examples, by what it learns or by a rule."""
    return issubclass(algorithm, Weighting) or hasattr(algorithm, "weigher")


def check(setting: Setting) -> None:
    """All is said by the schema."""
