"""What the report says of a few-shot task: its charts, its protocol and the published figures."""

from __future__ import annotations

from collections.abc import Sequence

from lazyleap.fewshot.options import FewShotTask
from stages.reporting import charts as lines
from stages.reporting.compare import Group
from stages.reporting.curves import curves
from stages.reporting.drawing import Chart
from stages.reporting.inputs import Finished
from stages.reporting.published import Published

HIGHER, MEASURE, BEST, SAMPLE = True, "accuracy", "highest accuracy", "episodes"
NOTE = (
    "Accuracy is each setting's own headline metric: after as many test-time steps as its horizon."
)
TEMPLATE, ALONE = None, False

FINN = "Finn, Abbeel, Levine: Model-Agnostic Meta-Learning, ICML 2017"
NICHOL = "Nichol, Achiam, Schulman: On First-Order Meta-Learning Algorithms, 2018"
RAJESWARAN = "Rajeswaran et al.: Meta-Learning with Implicit Gradients, NeurIPS 2019"

_OMNIGLOT: tuple[tuple[str, tuple[float, ...], str, tuple[str, str]], ...] = (
    ("MAML", (98.7, 99.9, 95.8, 98.9), FINN, ("maml", "exact")),
    ("first-order MAML", (98.3, 99.2, 89.4, 97.9), NICHOL, ("maml", "first_order")),
    ("Reptile + transduction", (97.68, 99.48, 89.43, 97.12), NICHOL, ("maml", "reptile")),
    ("iMAML, gradient descent", (99.16, 99.67, 94.46, 98.69), RAJESWARAN, ("maml", "implicit")),
)
_MINIIMAGENET: tuple[tuple[str, tuple[float, ...], str, tuple[str, str]], ...] = (
    ("MAML", (48.70, 63.11), FINN, ("maml", "exact")),
    ("first-order MAML", (48.07, 63.15), FINN, ("maml", "first_order")),
)
PUBLISHED = {
    (reader, *asked): [
        Published(method, figures[column], citation, match)
        for method, figures, citation, match in table
    ]
    for reader, table, columns in (
        ("omniglot", _OMNIGLOT, ((5, 1), (5, 5), (20, 1), (20, 5))),
        ("miniimagenet", _MINIIMAGENET, ((5, 1), (5, 5))),
    )
    for column, asked in enumerate(columns)
}
"""By reader, way and shot."""


def heading(task: FewShotTask, runs: Sequence[Finished]) -> str:
    """Ways, shots and data."""
    return f"{task.draw.way}-way {task.draw.shot}-shot on {runs[0].metrics.dataset}"


def kept(score: float) -> str:
    """Validation accuracy."""
    return f"best {100 * score:.1f} %"


def published(task: FewShotTask) -> list[Published]:
    """The published figures of the task's data set, ways and shots; none for any other."""
    return PUBLISHED.get((task.dataset.reader, task.draw.way, task.draw.shot), [])


def unlike(task: FewShotTask) -> str:
    """In what ours and the published ones differ."""
    return (
        "splits, network width, queries, inner steps and above all the length of training differ "
        f"(ours: {task.model.backbone}, width {task.model.width})."
    )


def details(task: FewShotTask, groups: Sequence[Group]) -> None:
    """Nothing beyond the tables of all kinds."""


def markdown(task: FewShotTask, groups: Sequence[Group]) -> str:
    """Nothing beyond the rows."""
    return ""


def protocol(task: FewShotTask, runs: Sequence[Finished]) -> list[str]:
    """How the task's numbers came about, one sentence each, from the parameters and the files."""
    draw, training, model = task.draw, task.training, task.model
    digests = ", ".join(sorted({run.metrics.test_digest for run in runs}))
    return [
        f"{draw.way}-way {draw.shot}-shot, {draw.query} query images a class; classes of "
        "training, validation and test are disjoint.",
        f"Test: {draw.test_episodes:,} fixed episodes, the same for every setting; "
        f"digest {digests}.",
        f"Training: {training.way}-way {training.shot}-shot, {training.query} query images a "
        f"class, {training.meta_batch} tasks a meta-iteration, {training.meta_iterations:,} "
        f"meta-iterations unless a setting says otherwise; the best of a look at "
        f"{draw.validation_episodes} validation episodes after every {training.validate_every} "
        f"is kept.",
        f"Network: {model.backbone}, width {model.width}, downsampling by {model.downsample}.",
        _norm(model.norm),
        f"Curves: {task.test.curve_episodes} of the test episodes, {task.test.curve_steps} steps.",
    ]


def _norm(norm: str) -> str:
    if norm == "batch":
        return (
            "Batch normalisation uses the statistics of the batch at hand, also at test time: "
            "the queries of an episode see each other (transductive). Compare with transductive "
            "results only."
        )
    return "Group normalisation: each query is classified by itself (not transductive)."


def charts(name: str, groups: Sequence[Group]) -> list[Chart]:
    """The charts of a few-shot task, files named ``NAME-...``."""
    accuracy = "accuracy (%)"
    found = [
        lines.against_horizon(
            f"{name}-accuracy-horizon",
            "Accuracy against the horizon",
            accuracy,
            groups,
            _value,
            _half,
        ),
        lines.against_cpu(f"{name}-accuracy-cpu", groups, _value, _half, accuracy),
        curves(f"{name}-accuracy-steps", groups),
        lines.against_horizon(
            f"{name}-cpu-horizon",
            "Training CPU time against the horizon",
            "training CPU time (s)",
            groups,
            lambda g: g.cpu_seconds,
            None,
        ),
        lines.against_horizon(
            f"{name}-memory-horizon",
            "Peak memory against the horizon",
            "peak memory of the training process (MiB)",
            groups,
            lambda g: g.memory_mib,
            None,
        ),
    ]
    return [chart for chart in found if chart is not None]


def _value(group: Group) -> float:
    return 100 * group.value


def _half(group: Group) -> float:
    return 100 * group.ci95
