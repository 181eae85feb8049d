"""How a classifier does on a balanced test set, overall and where training images were few."""

from __future__ import annotations

from typing import Any

import numpy as np

from lazyleap.statistics import Numbers, proportion

GROUPS = ("many", "medium", "few")


def measure(
    logits: Numbers, labels: Numbers, counts: Numbers, *, many: int, few: int, bins: int
) -> dict[str, Any]:
    """Top-1 error overall and by group, recall by class, confusion and calibration.

    Args:
        logits: ``[N, C]``.
        labels: ``[N]`` in 0..C-1.
        counts: training images a class, ``[C]``.
        many: a class with more of them is a many-shot one.
        few: a class with fewer is a few-shot one; the rest are medium.
        bins: of the calibration error.

    A group without a class is left out. Errors are ``{"value", "ci95", "n"}`` in 0..1.
    """
    wrong = logits.argmax(1) != labels
    group = groups(counts, many, few)[labels]
    errors = {f"error@{name}": wrong[group == i] for i, name in enumerate(GROUPS)}
    return {
        "metrics": {
            "error": proportion(wrong),
            **{name: proportion(part) for name, part in errors.items() if len(part)},
        },
        "recall": [proportion(~wrong[labels == c]) for c in range(len(counts))],
        "confusion": confusion(logits.argmax(1), labels, len(counts)).tolist(),
        "calibration_error": calibration_error(softmax(logits), labels, bins),
    }


def groups(counts: Numbers, many: int, few: int) -> Numbers:
    """The place of each class in :data:`GROUPS`. Source: Liu et al., CVPR 2019 (100 and 20)."""
    return np.where(counts > many, 0, np.where(counts < few, 2, 1))


def confusion(found: Numbers, labels: Numbers, classes: int) -> Numbers:
    """Images by true class (rows) and answer (columns), ``[C, C]``."""
    return np.bincount(labels * classes + found, minlength=classes**2).reshape(classes, classes)


def softmax(logits: Numbers) -> Numbers:
    """Probabilities ``[N, C]``, in float64."""
    powers = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def calibration_error(probabilities: Numbers, labels: Numbers, bins: int) -> float:
    """Mean over images of ``|accuracy - confidence|`` of their bin; ``bins`` of equal width.

    Source: Guo, Pleiss, Sun and Weinberger, ICML 2017.
    """
    confidence, hits = probabilities.max(1), probabilities.argmax(1) == labels
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = [
        abs(float((hits[places == b] - confidence[places == b]).sum())) for b in np.unique(places)
    ]
    return float(sum(gaps) / len(labels))
