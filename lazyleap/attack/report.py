"""What is reported of attacks: queries an image, with the failures beside them, by target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lazyleap.attack.options import AttackTask
from lazyleap.report import Chart, Column, Field, Measure, Pictures, Report, Table
from lazyleap.results import Group

NORMS = {"l2": "L2", "linf": "L-infinity"}
SUCCESS = Measure("success", "success rate", "%", True)
QUERIES = Measure(
    "queries_mean_all", "queries an image (a failure: the budget)", "queries", False, SUCCESS
)
FURTHER = (
    Measure("queries_mean", "mean queries of successes", "queries", False),
    Measure("queries_median", "median queries of successes", "queries", False),
    Measure("l2", "mean L2 distance of successes", "", None),
)


def report(task: AttackTask, groups: Sequence[Group]) -> Report:
    """Queries are compared, over all targets together; tables and charts have each target."""
    test, targets = task.test, list(groups[0].first.metrics["targets"])
    dataset = groups[0].first.metrics["dataset"]
    limits = f"{NORMS[test.norm]} at most {test.epsilon:g}, {test.budget:,} queries an image"
    return Report(
        heading=f"{test.goal} black-box attacks on {dataset}, {limits}",
        asked=(
            f"Which attack ({test.goal}, {limits}) needs the fewest queries on "
            f"{len(targets)} classifier{'s' if len(targets) > 1 else ''} of {dataset}, for the "
            "same training compute?"
        ),
        sample="images",
        clusters="images",
        compared=[QUERIES, SUCCESS],
        further=FURTHER,
        tables=[*_by_target(groups, targets), _classifiers(groups, targets)],
        charts=_success(groups, targets),
        pictures=[p for target in targets if (p := _pictures(groups, target)).files],
        notes=_notes(task),
    )


def _by_target(groups: Sequence[Group], targets: Sequence[str]) -> list[Table]:
    if len(targets) < 2:
        return []
    measures = (SUCCESS, QUERIES, *FURTHER)
    return [
        Table(
            "targets",
            "By target",
            [Column("target", "target"), Column("setting", "setting")]
            + [Column(m.metric, m.title, m.unit) for m in measures],
            [
                {"target": target, "setting": group.label}
                | {m.metric: m.of(group, f"@{target}") for m in measures}
                for target in targets
                for group in groups
            ],
            "Success rates are of the attacked images, each classified correctly before. A dash: "
            "too few successes.",
        )
    ]


def _classifiers(groups: Sequence[Group], targets: Sequence[str]) -> Table:
    metrics = groups[0].first.metrics
    counts = metrics["denominators"]
    rows = [
        {"name": name, "what": _what(metrics["targets"][name])}
        | {"accuracy": metrics["targets"][name]["accuracy"]["value"]}
        | {key: counts[name][key] for key in ("images", "correct", "attacked")}
        for name in targets
    ]
    columns = [Column("name", "target"), Column("what", "what it is")]
    columns += [Column("accuracy", "accuracy", "%")]
    columns += [Column(key, key) for key in ("images", "correct", "attacked")]
    return Table(
        "classifiers",
        "Targets",
        columns,
        rows,
        "Images looked at, those a target gets right, and those attacked, the first of these. "
        "Accuracy: over all test images.",
    )


def _what(target: dict[str, Any]) -> str:
    return target.get("architecture") or f"a file ({target['kind']})"


def _success(groups: Sequence[Group], targets: Sequence[str]) -> list[Chart]:
    rows = [
        group.named | {"target": target, "step": step, "value": 100 * share}
        for group in groups
        for target in targets
        for step, share in group.curve(f"success@{target}").items()
    ]
    if not rows:
        return []
    return [
        Chart(
            "success-queries",
            "Success against queries",
            "Share of the attacked images that succeeded with no more queries, at the numbers of "
            "queries that were looked at. Seeds are averaged.",
            "step",
            rows,
            Field("step", "queries an image", format=",d", log=True),
            Field("value", "success (%)", format=".1f"),
            Field("series", "setting", "nominal"),
            dash=Field("horizon", "horizon k", "ordinal"),
            facet=Field("target", "target", "nominal"),
            tooltip=(Field("setting", "setting", "nominal"),),
        )
    ]


def _pictures(groups: Sequence[Group], target: str) -> Pictures:
    paths = [(g.label, g.first.folder / "pictures" / f"{target}.png") for g in groups]
    return Pictures(
        f"pictures-{target}",
        f"First successes: target {target}",
        [(label, path) for label, path in paths if path.is_file()],
        "A row an image: clean, the perturbation about grey with the largest change of all rows "
        "black or white, adversarial.",
    )


def _notes(task: AttackTask) -> list[str]:
    return [
        f"{NORMS[task.test.norm]} norm of the perturbation, pixels in 0..1; every iterate is "
        "clipped to valid pixels.",
        "Each image of a batch is a query of its own, so is each check of an iterate; an image "
        "that succeeded is asked no more. The oracle returns scores of the classes and nothing "
        "else. No target is seen in training.",
        "The images, and for targeted attacks the wished-for classes, are the same for every "
        "setting.",
        "What this does not say: how a classifier stands against other attacks, other limits or "
        "an attacker who knows its weights. A failure within the budget is no proof of robustness.",
    ]
