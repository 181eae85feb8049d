"""What the report says of attacks: who needs fewer queries, tables, charts, triplets, limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lazyleap.attack.options import AttackTask
from stages.reporting import attack_rows as rows
from stages.reporting import charts as lines
from stages.reporting.attack_rows import Classifier
from stages.reporting.compare import Group
from stages.reporting.drawing import Chart
from stages.reporting.inputs import Finished
from stages.reporting.published import Published
from stages.reporting.published_attack import DU, FIGURES, UNSURE, PublishedAttack
from stages.reporting.rivals import QUERIES, Rivals, rivals
from stages.reporting.success import success
from stages.reporting.triplets import Strip, strips

HIGHER, MEASURE, BEST, SAMPLE = True, "success rate", "highest success rate", "images"
NOTE = "Success is the share of the attacked images, all classified correctly before."
TEMPLATE, ALONE = "attack.html.j2", True


@dataclass(frozen=True)
class Details:
    """What the template shows."""

    rivals: Rivals
    budget: int
    rows: dict[str, list[tuple[Group, dict[str, str]]]]
    columns: tuple[str, ...]
    classifiers: tuple[Classifier, ...]
    strips: dict[str, list[Strip]]
    figures: tuple[tuple[PublishedAttack, list[Group]], ...]
    source: str
    unlike: str


def heading(task: AttackTask, runs: Sequence[Finished]) -> str:
    """Goal, limits and data."""
    metrics, test = rows.metrics(runs[0]), task.test
    count = len(metrics.targets)
    return (
        f"{test.goal} black-box attacks on {count} classifier{'s' if count > 1 else ''} of "
        f"{metrics.dataset}, {norm(test.norm)} at most {test.epsilon:g}, "
        f"{test.budget:,} queries an image"
    )


def norm(name: str) -> str:
    """A norm as people write it."""
    return {"l2": "L2", "linf": "L-infinity"}[name]


def kept(score: float) -> str:
    """Validation of the predictor's maps."""
    return f"best mean cosine between map and gradient {score:.3f}"


def details(task: AttackTask, groups: Sequence[Group]) -> Details:
    """All comparisons, tables and pictures."""
    figures = FIGURES.get(task.dataset.reader, ())
    return Details(
        rivals(groups),
        task.test.budget,
        rows.by_target(groups),
        rows.COLUMNS,
        tuple(rows.classifiers(groups[0])),
        strips(groups, list(rows.metrics(groups[0].first).targets)),
        tuple((figure, figure.ours(groups)) for figure in figures),
        f"{DU}; {UNSURE}",
        unlike(task),
    )


def markdown(task: AttackTask, groups: Sequence[Group]) -> str:
    """The comparisons and the table, for summary.md."""
    found = details(task, groups)
    said = [f"**{found.rivals.lead}**", found.rivals.learned]
    each = [match.sentence for match in found.rivals.lazy] + found.rivals.against_plain
    parts = [
        " ".join(part for part in said if part),
        "\n".join(f"- {sentence}" for sentence in each),
        rows.table(found.rows),
        "`with failures`: mean queries of all attacked images, a failure counted as the whole "
        f"budget of {found.budget:,}. Means and medians: of successes. `n`: images attacked, all "
        "classified correctly before.",
        "\n".join(_listed(found)),
    ]
    return "\n\n".join(part for part in parts if part)


def _listed(found: Details) -> list[str]:
    if not found.figures:
        return []
    return [f"Published ({found.source}): success rate, mean L2, mean queries.", ""] + [
        f"- {f.method}: {100 * f.success:.0f} %, {f.l2:.2f}, {f.queries:,}"
        for f, _ in found.figures
    ]


def published(task: AttackTask) -> list[Published]:
    """None that the page's own table could show: they have three numbers each."""
    return []


def unlike(task: AttackTask) -> str:
    """In what ours and the published ones differ."""
    return (
        "targets and their training, images attacked, limit, budget, goal and what counts as a "
        f"query differ; ours are {task.test.goal}, {norm(task.test.norm)} at most "
        f"{task.test.epsilon:g}, with {task.test.budget:,} queries an image, each check of an "
        "iterate counted."
    )


def protocol(task: AttackTask, runs: Sequence[Finished]) -> list[str]:
    """How the numbers came about, one sentence each, from the parameters and the files."""
    training, test, model = task.training, task.test, task.model
    digests = ", ".join(sorted({run.metrics.test_digest for run in runs}))
    return [
        f"Attacks: {test.goal}; {norm(test.norm)} norm of the perturbation at most "
        f"{test.epsilon:g}, pixels in 0..1, every iterate clipped to valid pixels.",
        f"Budget: {test.budget:,} queries an image. Each image of a batch is a query of its own, "
        "so is each check of an iterate; an image that has fallen is asked no more. The oracle "
        "returns scores of the classes and nothing else.",
        *_denominators(runs[0]),
        f"The images, and for targeted attacks the wished-for classes, are the same for every "
        f"method; digest of all that may be attacked: {digests}.",
        f"Learned predictors: width {model.width}, {training.meta_iterations:,} meta-iterations "
        f"of {training.meta_batch} surrogates unless a setting says otherwise, "
        f"{training.support} pairs of image and {training.goal} gradient for the inner steps and "
        f"{training.query} for the outer loss; the best of a look at held-out images after every "
        f"{training.validate_every} is kept. No target is seen in training.",
        "Intervals: Wilson's for success rates; normal ones for means; bootstrap percentiles "
        f"({test.resamples:,} samples) for medians.",
        "What this does not say: how a classifier stands against other attacks, other limits or "
        "an attacker who knows its weights. A failure within the budget is no proof of robustness.",
    ]


def _denominators(run: Finished) -> list[str]:
    metrics = rows.metrics(run)
    found = [(name, metrics.denominators[name]) for name in metrics.targets]
    return [
        f"Target {name}: gets {of.correct:,} of {of.images:,} images right; the first "
        f"{of.attacked:,} of these are attacked and are the denominator of its success rates."
        for name, of in found
    ]


def charts(name: str, groups: Sequence[Group]) -> list[Chart]:
    """Success against queries; queries, training time and memory against the horizon."""
    targets = list(rows.metrics(groups[0].first).targets)
    found = [success(f"{name}-success-queries", groups)]
    if len(targets) > 1:
        found += [success(f"{name}-success-queries-{target}", groups, target) for target in targets]
    return [chart for chart in [*found, *_against_horizon(name, groups)] if chart is not None]


def _against_horizon(name: str, groups: Sequence[Group]) -> list[Chart]:
    learned = [g for g in groups if g.first.setting.algorithm == "meta_attack"]
    asked = [under for g in learned if (under := g.under(QUERIES)) is not None]
    queries = "mean queries an image, failures as the budget"
    found = []
    if asked:
        found.append(
            lines.against_horizon(
                f"{name}-queries-horizon",
                "Queries against the horizon of meta-training",
                queries,
                asked,
                lambda g: g.value,
                lambda g: g.ci95,
                SAMPLE,
            )
        )
    if not learned:
        return found
    cpu, memory = "training CPU time (s)", "peak memory of the training process (MiB)"
    for key, title, axis, value in (
        ("cpu", "Training CPU time against the horizon", cpu, lambda g: g.cpu_seconds),
        ("memory", "Peak memory against the horizon", memory, lambda g: g.memory_mib),
    ):
        found.append(
            lines.against_horizon(f"{name}-{key}-horizon", title, axis, learned, value, None)
        )
    return found
