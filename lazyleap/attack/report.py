"""What is reported of attacks: queries an image, with the failures beside them, by target."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from lazyleap.attack.options import AttackTask
from lazyleap.errors import InputError
from lazyleap.report import Chart, Column, Field, Group, Measure, Picture, Pictures, Report, Table
from lazyleap.statistics import Numbers

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
MOST, WIDEST, APART, GAP = 3, 640, 1, 4  # triplets a picture; pixels: across, within, between


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
        pictures=[p for target in targets if (p := _pictures(groups, target)).pictures],
        protocol=_protocol(task, groups),
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
    rows = [row for group in groups for row in _curve(group, targets)]
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


def _curve(group: Group, targets: Sequence[str]) -> list[dict[str, float | int | str]]:
    found: list[dict[str, float | int | str]] = []
    about: dict[str, float | int | str] = {
        "setting": group.label,
        "series": group.first.series,
        "horizon": group.first.horizon,
    }
    for target in targets:
        column = f"success@{target}"
        each = [{int(r["step"]): float(r[column]) for r in run.curve} for run in group.runs]
        for step in sorted(set(each[0]).intersection(*each[1:])):
            value = 100 * sum(one[step] for one in each) / len(each)
            found.append(about | {"target": target, "step": step, "value": value})
    return found


def _pictures(groups: Sequence[Group], target: str) -> Pictures:
    found = [p for group in groups if (p := _picture(group, target)) is not None]
    return Pictures(
        f"pictures-{target}",
        f"Clean, perturbation, adversarial: target {target}",
        found,
        "First successes. Perturbations are rescaled: zero is grey, a row's largest change, given "
        "in pixels of 0..1, is black or white.",
    )


def _picture(group: Group, target: str) -> Picture | None:
    """Triplets of a setting's first run side by side; None where nothing succeeded."""
    path = group.first.folder / "pictures" / f"{target}.npy"
    if not path.is_file():
        return None
    try:
        triplets: Numbers = np.load(path, allow_pickle=False)[:MOST]
        picture = _drawn(triplets)
    except (OSError, ValueError, EOFError, IndexError) as error:
        raise InputError(f"{path}: are no triplets of images ({error})") from error
    picture.thumbnail((WIDEST, WIDEST))  # large images; small ones are shown magnified
    scale = max(1, WIDEST // picture.width)
    file = io.BytesIO()
    picture.save(file, "PNG")
    largest = float(np.abs(triplets[:, 1]).max())
    return Picture(
        f"{group.label}: largest change {largest:.3f}",
        file.getvalue(),
        scale * picture.width,
        scale * picture.height,
        f"{len(triplets)} triplets: clean image, perturbation, adversarial image",
    )


def _drawn(triplets: Numbers) -> Image.Image:
    """``[n, 3, C, H, W]`` as one row of cells, the perturbation about grey."""
    cells = triplets.copy()
    cells[:, 1] = 0.5 + cells[:, 1] / (2 * max(float(np.abs(cells[:, 1]).max()), 1e-12))
    count, _, channels, height, _ = cells.shape
    apart, gap = np.ones((channels, height, APART)), np.ones((channels, height, GAP))
    parts = [
        part
        for i in range(count)
        for part in (gap, cells[i, 0], apart, cells[i, 1], apart, cells[i, 2])
    ]
    row = (255 * np.concatenate(parts[1:], axis=2).clip(0, 1)).round().astype(np.uint8)
    return Image.fromarray(row[0] if channels == 1 else row.transpose(1, 2, 0))


def _protocol(task: AttackTask, groups: Sequence[Group]) -> list[str]:
    training, test, model = task.training, task.test, task.model
    digests = sorted({run.metrics["test_digest"][:12] for group in groups for run in group.runs})
    return [
        f"Attacks: {test.goal}; {NORMS[test.norm]} norm of the perturbation at most "
        f"{test.epsilon:g}, pixels in 0..1, every iterate clipped to valid pixels.",
        f"Budget: {test.budget:,} queries an image. Each image of a batch is a query of its own, "
        "so is each check of an iterate; an image that succeeded is asked no more. The oracle "
        "returns scores of the classes and nothing else.",
        "The images, and for targeted attacks the wished-for classes, are the same for every "
        f"setting; digest of all that may be attacked: {', '.join(digests)}.",
        f"Learned predictors: width {model.width}, {training.meta_iterations:,} meta-iterations "
        f"of {training.meta_batch} surrogates unless a setting says otherwise, "
        f"{training.support} pairs of image and {training.goal} gradient for the inner steps and "
        f"{training.query} for the outer loss; the best theta on held-out images, looked at every "
        f"{training.validate_every} meta-iterations, is kept. No target is seen in training.",
        f"Medians: bootstrap percentiles ({test.resamples:,} samples).",
        "What this does not say: how a classifier stands against other attacks, other limits or "
        "an attacker who knows its weights. A failure within the budget is no proof of robustness.",
    ]
