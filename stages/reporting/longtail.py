"""What the report says of a long-tailed task: tables, charts, protocol and published figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lazyleap.longtail.options import LongTailTask
from stages.reporting import charts as lines
from stages.reporting import classes
from stages.reporting.compare import Group
from stages.reporting.drawing import Chart
from stages.reporting.duel import Duel, duels, summary
from stages.reporting.inputs import Finished
from stages.reporting.longtail_rows import COLUMNS, of_task, table
from stages.reporting.published import Published
from stages.reporting.published_longtail import figures

HIGHER, MEASURE, BEST, SAMPLE = False, "top-1 error", "lowest error", "images"
NOTE = "Error is top-1 error over the whole, balanced test set."
TEMPLATE, ALONE = "longtail.html.j2", False


@dataclass(frozen=True)
class Details:
    """What the template shows: who wins the duels, and a row a setting."""

    summary: str
    duels: tuple[Duel, ...]
    few: tuple[Duel, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Group, dict[str, str]], ...]


def heading(task: LongTailTask, runs: Sequence[Finished]) -> str:
    """Data and imbalance."""
    metrics = classes.metrics(runs[0])
    large, small = max(metrics.train_images), min(metrics.train_images)
    return (
        f"{len(metrics.classes)} classes of {metrics.dataset}, from {large:,} down to {small:,} "
        f"training images (IF {large / small:g})"
        if task.draw.imbalance is None
        else f"{len(metrics.classes)} classes of {metrics.dataset}, imbalance "
        f"{task.draw.imbalance:g}:1, from {large:,} down to {small:,} training images"
    )


def kept(score: float) -> str:
    """Validation accuracy."""
    return f"on the meta set {100 * score:.1f} %"


def details(task: LongTailTask, groups: Sequence[Group]) -> Details:
    """The duels on all classes and on the rare ones, and the table."""
    few = [found for group in groups if (found := group.under("error@few")) is not None]
    rows = of_task(task, groups, published(task))
    return Details(
        summary(duels(groups)), tuple(duels(groups)), tuple(duels(few)), COLUMNS, tuple(rows)
    )


def markdown(task: LongTailTask, groups: Sequence[Group]) -> str:
    """The table and the duels, for summary.md."""
    found = details(task, groups)
    duel = [f"- {one.sentence}" for one in found.duels]
    rare = [f"- {d.lazy.label}: {d.difference} points, {d.verdict}" for d in found.few]
    parts = [
        table([row for _, row in found.rows]),
        "\n".join([f"**{found.summary}**", "", *duel]) if duel else "",
        "\n".join(["The same for few-shot classes alone:", "", *rare]) if rare else "",
        "\n".join(_listed(published(task))),
    ]
    return "\n\n".join(part for part in parts if part)


def _listed(found: Sequence[Published]) -> list[str]:
    if not found:
        return []
    head = ["Published, ResNet-32, 200 epochs:", ""]
    return head + [
        f"- {p.method}: {p.figure:.2f} % ({p.citation}{'' if p.checked else _UNCHECKED})"
        for p in found
    ]


_UNCHECKED = "; from memory, to be checked"


def published(task: LongTailTask) -> list[Published]:
    """The published errors for CIFAR-LT of the task's imbalance; none for any other data."""
    return figures(task.dataset.reader, task.draw.imbalance)


def unlike(task: LongTailTask) -> str:
    """In what ours and the published ones differ."""
    model = task.model
    return (
        "the published ones are of ResNet-32 at width 16, trained for 200 epochs, ours of "
        f"{model.backbone}, width {model.width}; whether a meta set is taken off the training "
        "images first differs too."
    )


def protocol(task: LongTailTask, runs: Sequence[Finished]) -> list[str]:
    """How the task's numbers came about, one sentence each, from the parameters and the files."""
    draw, training, model, test = task.draw, task.training, task.model, task.test
    metrics = classes.metrics(runs[0])
    digests = ", ".join(sorted({run.metrics.test_digest for run in runs}))
    epoch = sum(metrics.train_images) // training.batch
    shape = (
        "images as they are"
        if draw.imbalance is None
        else f"images a class fall exponentially by {draw.imbalance:g} in all"
    )
    return [
        f"Training set: {sum(metrics.train_images):,} images; {shape}. "
        f"Meta set: {draw.meta_per_class} images a class, drawn before and balanced; it also says "
        "how training goes, and decides nothing.",
        f"Test: {metrics.metrics['error'].n:,} images, the same for every setting; "
        f"digest {digests}.",
        f"Classes of more than {test.many} training images are many-shot ones, of fewer than "
        f"{test.few} few-shot ones, the rest medium.",
        f"Training: SGD, batch {training.batch}, rate {training.lr:g} with warm-up over "
        f"{training.warmup:g} of training, times {training.decay:g} at "
        f"{', '.join(f'{m:g}' for m in training.milestones)} of it; momentum "
        f"{training.momentum:g}, weight decay {training.weight_decay:g}; "
        f"{training.meta_iterations:,} steps ({training.meta_iterations / epoch:.1f} epochs) "
        "unless a setting says otherwise; the last theta is kept.",
        f"Network: {model.backbone}, width {model.width}, {model.norm} normalisation"
        + (" (running statistics at test time)." if model.norm == "batch" else "."),
        f"Calibration error: {test.bins} bins of equal width (Guo et al., ICML 2017). Intervals of "
        "errors: Wilson's, over test images.",
    ]


def charts(name: str, groups: Sequence[Group]) -> list[Chart]:
    """Error against horizon and cost, and what each class got: recall, weight, confusion."""
    error = "top-1 error (%)"
    found = [
        lines.against_horizon(
            f"{name}-error-horizon",
            "Error against the horizon (baselines at 1)",
            error,
            groups,
            _value,
            _half,
            SAMPLE,
        ),
        lines.against_cpu(f"{name}-error-cpu", groups, _value, _half, error, HIGHER, SAMPLE),
        classes.recall(f"{name}-recall", groups),
        classes.learned(f"{name}-weights", groups),
        classes.confusion(f"{name}-confusion", min(groups, key=lambda g: g.value)),
    ]
    return [chart for chart in found if chart is not None]


def _value(group: Group) -> float:
    return 100 * group.value


def _half(group: Group) -> float:
    return 100 * group.ci95
