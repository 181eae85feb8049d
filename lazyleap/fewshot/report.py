"""What is reported of few-shot learning: accuracy after the same number of test-time steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lazyleap.blocks import NetworkOptions
from lazyleap.fewshot.options import FewShotTask
from lazyleap.report import Chart, Field, Measure, Published, Report
from lazyleap.results import Group

FINN = "Finn, Abbeel, Levine: Model-Agnostic Meta-Learning, ICML 2017"
NICHOL = "Nichol, Achiam, Schulman: On First-Order Meta-Learning Algorithms, arXiv 1803.02999, 2018"
RAJESWARAN = "Rajeswaran et al.: Meta-Learning with Implicit Gradients, NeurIPS 2019"
# By reader, and of it by way and shot.
_COLUMNS = {"omniglot": ((5, 1), (5, 5), (20, 1), (20, 5)), "miniimagenet": ((5, 1), (5, 5))}
_PUBLISHED: tuple[tuple[str, str, str, tuple[float, ...], str], ...] = (
    ("omniglot", "MAML", "exact", (98.7, 99.9, 95.8, 98.9), FINN),
    ("omniglot", "first-order MAML", "first_order", (98.3, 99.2, 89.4, 97.9), NICHOL),
    ("omniglot", "Reptile + transduction", "reptile", (97.68, 99.48, 89.43, 97.12), NICHOL),
    ("omniglot", "iMAML, gradient descent", "implicit", (99.16, 99.67, 94.46, 98.69), RAJESWARAN),
    ("miniimagenet", "MAML", "exact", (48.70, 63.11), FINN),
    ("miniimagenet", "first-order MAML", "first_order", (48.07, 63.15), FINN),
)


def report(task: FewShotTask, groups: Sequence[Group]) -> Report:
    """Compared at the task's common steps; a setting's own horizon is shown beside."""
    draw = task.draw
    dataset = groups[0].first.metrics["dataset"]
    return Report(
        heading=f"{draw.way}-way {draw.shot}-shot on {dataset}",
        asked=(
            f"Which setting learns new {draw.way}-way {draw.shot}-shot tasks of {dataset} best, "
            "after the same number of test-time steps and for the same training compute?"
        ),
        sample="episodes",
        clusters="groups of test classes" if task.grouped else "test classes",
        compared=compared(task, groups),
        further=[Measure("accuracy@{horizon}", "accuracy after k steps", "%", True)],
        charts=_curves(groups),
        notes=[_chosen(groups), *_batches(task), *_norm(task.model)],
        published=_published(task),
        unlike=(
            "Splits, network width, queries, inner steps and above all the length of training "
            f"differ (ours: {task.model.words}, "
            f"{task.training.meta_iterations:,} meta-iterations)."
        ),
    )


def compared(task: FewShotTask, groups: Sequence[Group]) -> list[Measure]:
    """Accuracy at the step that validation chose, where there is one, and at each common step."""
    chosen = Measure("accuracy", "accuracy at the common step validation chose", "%", True)
    known = all(chosen.of(group) is not None for group in groups)
    steps = sorted({s for s in task.test.steps if s > 0}, reverse=True)
    return [chosen] * known + [Measure(f"accuracy@{s}", _after(s), "%", True) for s in steps]


def _after(steps: int) -> str:
    return f"accuracy after {steps} step{'' if steps == 1 else 's'}"


def _curves(groups: Sequence[Group]) -> list[Chart]:
    rows = [
        group.named | {"step": step, "value": 100 * share}
        for group in groups
        for step, share in group.curve("accuracy").items()
    ]
    if not rows:
        return []
    return [
        Chart(
            "accuracy-steps",
            "Accuracy against test-time steps",
            "Measured at every step up to ten, then at every fifth and at the last; step 0 is "
            "without adaptation. Seeds are averaged.",
            "step",
            rows,
            Field("step", "test-time inner steps", format="d"),
            Field("value", "accuracy (%)", format=".1f"),
            Field("series", "setting", "nominal"),
            dash=Field("horizon", "horizon k", "ordinal"),
            tooltip=(Field("setting", "setting", "nominal"),),
        )
    ]


def _published(task: FewShotTask) -> list[Published]:
    asked, reader = (task.draw.way, task.draw.shot), task.dataset.reader
    return [
        Published(
            method, "accuracy", figures[_COLUMNS[of].index(asked)] / 100, source, "maml", estimator
        )
        for of, method, estimator, figures, source in _PUBLISHED
        if of == reader and asked in _COLUMNS[of]
    ]


def _chosen(groups: Sequence[Group]) -> str:
    """Which common steps validation chose, and how often."""
    found = Counter(run.metrics.get("step") for group in groups for run in group.runs)
    each = ", ".join(
        f"{step} in {count} run{'' if count == 1 else 's'}"
        for step, count in sorted(found.items(), key=str)
    )
    return (
        "Each run is judged after the one of the common steps that did best on validation "
        f"episodes: {each}."
    )


def _batches(task: FewShotTask) -> list[str]:
    found = ["The classes of an episode are of one group, such as an alphabet."] * task.grouped
    if task.batch is not None:
        found.append(f"An inner step sees {task.batch} images, others at every step.")
    return found


def _norm(model: NetworkOptions) -> list[str]:
    if model.by_batch:
        return [
            "Batch normalisation uses the statistics of the batch at hand, at test time too: the "
            "queries of an episode see each other (transductive). Compare with transductive "
            "results only."
        ]
    norm = getattr(model, "norm", None)  # a user's network need not say
    said = f"Normalisation by {norm}: each query is classified by itself (not transductive)."
    return [said] if norm else []
