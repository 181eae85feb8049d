"""How a classifier does on a test set, overall and where training images were few."""

from __future__ import annotations

from typing import Any

import numpy as np

from lazyleap.items import Items
from lazyleap.statistics import Numbers, Score, marked, mean_of_shares, proportion

GROUPS = ("many", "medium", "few")


def measure(
    logits: Numbers, labels: Numbers, counts: Numbers, *, many: int, few: int, bins: int
) -> tuple[Items, dict[str, Any]]:
    """Top-1 error of each image, overall and by group; recall by class, confusion, calibration.

    Args:
        logits: ``[N, C]``.
        labels: ``[N]`` in 0..C-1.
        counts: training images a class, ``[C]``.
        many: a class with more of them is a many-shot one.
        few: a class with fewer is a few-shot one; the rest are medium.
        bins: of the calibration error.

    ``error`` is over images, ``balanced_error`` the mean over classes of each one's, which counts
    (``primary``) where the test set is not balanced. A group without an image is left out.
    """
    found = logits.argmax(1)
    wrong, images = found != labels, np.bincount(labels, minlength=len(counts))
    share = len(labels) / ((images > 0).sum() * images[labels])  # a class counts as much as others
    items = Items(
        {"error": wrong.astype(float), "balanced_error": wrong * share},
        {"strata": labels, "prediction": found},
    )
    balanced = len(np.unique(images[images > 0])) == 1
    metrics = {
        "metrics": _errors(wrong, labels, groups(counts, many, few)[labels]),
        "primary": "error" if balanced else "balanced_error",
        "recall": [proportion(~wrong[labels == c]) for c in range(len(counts))],
        "confusion": confusion(found, labels, len(counts)).tolist(),
        "calibration_error": calibration_error(softmax(logits), labels, bins),
    }
    return items, metrics


def _errors(wrong: Numbers, labels: Numbers, group: Numbers) -> dict[str, Score]:
    """Of all images and of those of each group; a constant answer is chance."""
    images = np.bincount(labels)
    constant = 1 - images.max() / len(labels), 1 - 1 / (images > 0).sum()
    whole = proportion(wrong), mean_of_shares(wrong, labels)
    scores = {
        name: marked(score, float(chance), higher=False)
        for name, score, chance in zip(("error", "balanced_error"), whole, constant, strict=True)
    }
    for i, name in enumerate(GROUPS):
        if (part := group == i).any():
            scores[f"error@{name}"] = proportion(wrong[part])
            scores[f"balanced_error@{name}"] = mean_of_shares(wrong[part], labels[part])
    return scores


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
