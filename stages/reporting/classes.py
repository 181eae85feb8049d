"""Charts of what each class of a long tail got, the largest class first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stages.reporting import weights
from stages.reporting.compare import Group
from stages.reporting.drawing import Chart
from stages.reporting.heat import heat, ratio_colour, share_colour
from stages.reporting.inputs import Finished
from stages.reporting.schema import LongTailMetrics

Numbers = NDArray[np.float64]
MOST = 20  # columns; more classes than these are taken together by tens of their ranks
BINS = 10


def metrics(run: Finished) -> LongTailMetrics:
    """A run's metrics, which are those of a long tail."""
    assert isinstance(run.metrics, LongTailMetrics)
    return run.metrics


def recall(name: str, groups: Sequence[Group]) -> Chart:
    """Recall of each class by each setting, seeds averaged."""
    values = np.array([_binned(_recall(group), group) for group in groups])
    said = "; ".join(f"{g.label} {100 * v[-1]:.0f} %" for g, v in zip(groups, values, strict=True))
    return heat(
        name,
        "Recall by class (%), the largest class first",
        f"Recall of the smallest classes: {said}",
        "Share of a class's test images that are found. In brackets: training images. "
        f"{_joined(groups[0])}Seeds are averaged.",
        [group.label for group in groups],
        _columns(groups[0]),
        values,
        share_colour,
        lambda share: f"{100 * share:.0f}",
        ("", "true class"),
    )


def learned(name: str, groups: Sequence[Group]) -> Chart | None:
    """The weight of each class's examples at the end of training; None without such records."""
    found = [(g, w) for g in groups if (w := weights.of_group(g)) is not None]
    if not found:
        return None
    values = np.array([_binned(w, group) for group, w in found])
    said = "; ".join(f"{g.label} {v[-1]:.2f}" for (g, _), v in zip(found, values, strict=True))
    return heat(
        name,
        "Weight of a class's examples at the end of training",
        f"Weight of the smallest classes: {said}",
        "Running mean of an example's weight in its mini-batch: 1 is an even share, more counts "
        "more. Baselines have theirs by rule. In Meta-Weight-Net all weights of a batch may be "
        f"small, as they need not sum to 1. {_joined(groups[0])}Seeds are averaged.",
        [group.label for group, _ in found],
        _columns(groups[0]),
        values,
        ratio_colour,
        lambda weight: f"{weight:.2f}" if weight < 10 else f"{weight:.0f}",
        ("", "class"),
    )


def confusion(name: str, group: Group) -> Chart:
    """What the images of each class were taken for, by one setting, seeds added."""
    counts = np.sum([metrics(run).confusion for run in group.runs], axis=0)
    bins = _bins(group)
    folded = np.array([[counts[np.ix_(a, b)].sum() for b in bins] for a in bins], np.float64)
    shares = folded / np.maximum(folded.sum(1, keepdims=True), 1)
    right = float(np.trace(counts) / counts.sum())
    names = _columns(group)
    return heat(
        name,
        f"Confusion of {group.label} (%)",
        f"Right: {100 * right:.1f} % of all images.",
        "The setting with the lowest error. Rows: true class; columns: answer; each row adds up "
        f"to 100 %. Largest class first. {_joined(group)}Seeds are added.",
        names,
        names,
        shares,
        share_colour,
        lambda share: f"{100 * share:.0f}" if share >= 0.005 else "",
        ("true class", "answer"),
    )


def _recall(group: Group) -> Numbers:
    shares = [[s.value for s in metrics(run).recall] for run in group.runs]
    return np.asarray(np.mean(shares, axis=0))


def _bins(group: Group) -> list[NDArray[np.int64]]:
    """Labels of the classes of each column, by size."""
    sizes = np.array(metrics(group.first).train_images)
    order = np.argsort(-sizes, kind="stable")
    return np.array_split(order, len(order) if len(order) <= MOST else BINS)


def _binned(values: Numbers, group: Group) -> Numbers:
    return np.array([values[labels].mean() for labels in _bins(group)])


def _columns(group: Group) -> list[str]:
    """Class and training images; or, taken together, ranks by size and the range of images."""
    found, named, rank = [], metrics(group.first), 1
    for labels in _bins(group):
        sizes = [named.train_images[i] for i in labels]
        if len(labels) == 1:
            found.append(f"{named.classes[labels[0]]}\n({sizes[0]:,})")
        else:
            span = f"{rank}-{rank + len(labels) - 1}"
            found.append(f"{span}\n({sizes[0]:,}-{sizes[-1]:,})")
        rank += len(labels)
    return found


def _joined(group: Group) -> str:
    if len(metrics(group.first).classes) <= MOST:
        return ""
    return "Classes are taken together by their rank in size. "
