"""What is reported of long-tailed classification: errors overall, by class size and by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lazyleap.longtail.options import LongTailTask
from lazyleap.report import Chart, Field, Measure, Published, Report
from lazyleap.results import Group
from lazyleap.statistics import Numbers

SHU = "Shu et al.: Meta-Weight-Net, NeurIPS 2019, ResNet-32, 200 epochs"
CAO = "Cao et al.: Learning Imbalanced Datasets with LDAM Loss, NeurIPS 2019, ResNet-32, 200 epochs"
_PUBLISHED = (  # reader, imbalance, method, algorithm, estimator, top-1 error in percent
    ("cifar-10", 50, "Meta-Weight-Net", "weight_net", "exact", 19.94, SHU),
    ("cifar-100", 20, "Meta-Weight-Net", "weight_net", "exact", 45.63, SHU),
    ("cifar-100", 100, "LDAM-DRW", "ldam_drw", "none", 57.96, CAO),
)
MOST, BINS = 20, 10  # columns; more classes than these are taken together by rank, in so many bins
SIZES = {"many": "classes with many images", "medium": "medium classes", "few": "few-shot classes"}
Row = Mapping[str, Any]


def report(task: LongTailTask, groups: Sequence[Group]) -> Report:
    """Errors are compared, of an unbalanced test set the balanced one first."""
    dataset = groups[0].first.metrics["dataset"]
    imbalance = task.draw.imbalance
    shape = f"imbalance factor {imbalance:g}" if imbalance else "with its own imbalance"
    error = Measure("error", "top-1 error", "%", False)
    balanced = Measure("balanced_error", "balanced error", "%", False)
    same = all(run.metrics["primary"] == error.metric for g in groups for run in g.runs)
    return Report(
        heading=f"long-tailed {dataset}, {shape}",
        asked=(
            f"Which setting has the lowest error on {dataset} after training on a long tail "
            f"({shape}), for the same training compute?"
        ),
        sample="images",
        clusters="classes",
        compared=[error] if same else [balanced, error],
        further=[Measure(f"error@{size}", f"error, {of}", "%", False) for size, of in SIZES.items()]
        + [Measure("calibration_error", "calibration error", "%", False)],
        charts=[*_recall(groups), *_weights(groups), *_confusion(groups)],
        notes=_notes(task, groups),
        published=[
            Published(method, "error", figure / 100, source, algorithm, estimator)
            for reader, factor, method, algorithm, estimator, figure, source in _PUBLISHED
            if (reader, factor) == (task.dataset.reader, imbalance)
        ],
        unlike=(
            f"Ours are of {task.model.words} and "
            f"{task.training.meta_iterations:,} steps; whether a meta set is taken off the "
            "training images first differs too."
        ),
    )


def _recall(groups: Sequence[Group]) -> list[Chart]:
    values = [
        (g, np.mean([[r["value"] for r in run.metrics["recall"]] for run in g.runs], axis=0))
        for g in groups
    ]
    return [
        _by_class(
            "recall",
            "Recall by class",
            "Share of a class's test images that are found.",
            [(g, 100 * found) for g, found in values],
            Field("value", "recall (%)", format=".0f", scheme="viridis"),
        )
    ]


def _weights(groups: Sequence[Group]) -> list[Chart]:
    """The weight of each class's examples at the end; nothing without such records."""
    found = []
    for group in groups:
        each = [list(run.scalars("class_weight/").values()) for run in group.runs]
        if all(each):
            found.append((group, np.mean(each, axis=0)))
    if not found:
        return []
    return [
        _by_class(
            "weights",
            "Weight of a class's examples at the end of training",
            "Running mean of an example's weight in its mini-batch: 1 is an even share. Weights "
            "of a learned network need not sum to 1.",
            found,
            Field("value", "weight", format=".2f", scheme="purpleorange", middle=1.0),
        )
    ]


def _by_class(
    name: str, title: str, caption: str, values: Sequence[tuple[Group, Numbers]], shade: Field
) -> Chart:
    """A row of cells a setting, a column a class, the largest first."""
    return Chart(
        name,
        f"{title}, the largest class first",
        f"{caption} {_joined(values[0][0])}Seeds are averaged.",
        "cell",
        [
            {"setting": group.label, "class": column, "value": float(found[labels].mean())}
            for group, found in values
            for column, labels in zip(_columns(group), _bins(group), strict=True)
        ],
        Field("class", "class (training images)", "ordinal"),
        Field("setting", "", "ordinal"),
        shade,
        text=shade,
        tooltip=(shade,),
    )


def _confusion(groups: Sequence[Group]) -> list[Chart]:
    """What the images of each class were taken for, by the setting with the lowest error."""
    best = min(groups, key=lambda g: sum(r.metrics["metrics"]["error"]["value"] for r in g.runs))
    counts = np.sum([run.metrics["confusion"] for run in best.runs], axis=0)
    bins, names = _bins(best), _columns(best)
    folded = np.array([[counts[np.ix_(a, b)].sum() for b in bins] for a in bins], float)
    shares = 100 * folded / np.maximum(folded.sum(1, keepdims=True), 1)
    shade = Field("value", "of the true class (%)", format=".0f", scheme="viridis")
    return [
        Chart(
            "confusion",
            f"Confusion of {best.label}",
            "The setting with the lowest error; each row adds up to 100 %. "
            f"{_joined(best)}Seeds are added.",
            "cell",
            [
                {"true": names[i], "answer": names[j], "value": float(share)}
                for i, row in enumerate(shares)
                for j, share in enumerate(row)
            ],
            Field("answer", "answer", "ordinal"),
            Field("true", "true class", "ordinal"),
            shade,
            text=shade,
            tooltip=(shade,),
        )
    ]


def _bins(group: Group) -> list[Numbers]:
    """Labels of the classes of each column, by size."""
    order = np.argsort(-np.array(group.first.metrics["train_images"]), kind="stable")
    return np.array_split(order, len(order) if len(order) <= MOST else BINS)


def _columns(group: Group) -> list[str]:
    """Class and training images; or, taken together, ranks by size and the range of images."""
    sizes, classes = group.first.metrics["train_images"], group.first.metrics["classes"]
    found, rank = [], 1
    for labels in _bins(group):
        most, least = sizes[labels[0]], sizes[labels[-1]]
        if len(labels) == 1:
            found.append(f"{classes[labels[0]]} ({most:,})")
        else:
            found.append(f"{rank}-{rank + len(labels) - 1} ({most:,}-{least:,})")
        rank += len(labels)
    return found


def _joined(group: Group) -> str:
    many = len(group.first.metrics["classes"]) > MOST
    return "Classes of neighbouring rank in size are grouped. " if many else ""


def _held(task: LongTailTask) -> str:
    each = task.draw.validation_per_class
    return f"A validation set of {each} images a class" if each else "The meta set"


def _notes(task: LongTailTask, groups: Sequence[Group]) -> list[str]:
    images, training = sum(groups[0].first.metrics["train_images"]), task.training
    epochs = training.meta_iterations / max(1, images // training.batch)
    return [
        f"{images:,} training images; {training.meta_iterations:,} steps are {epochs:.1f} epochs. "
        f"{_held(task)}, drawn before and balanced, also says how training goes, and decides "
        "nothing: the last theta is kept.",
        f"Classes of more than {task.test.many} training images have many, of fewer than "
        f"{task.test.few} are few-shot ones, the rest medium.",
        f"Calibration error: {task.test.bins} bins of equal width (Guo et al., ICML 2017).",
    ]
