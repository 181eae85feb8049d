"""Every target of a task attacked by one setting, each through its own oracle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lazyleap.attack.attempt import Outcome, Search
from lazyleap.attack.chosen import Chosen, goal
from lazyleap.attack.limits import Limit
from lazyleap.attack.measures import curve as shares
from lazyleap.attack.measures import distances, measure, pool
from lazyleap.attack.options import AttackTest
from lazyleap.attack.oracle import Oracle
from lazyleap.classifiers import store
from lazyleap.classifiers.fit import answers, pixels, right
from lazyleap.classifiers.scores import warning
from lazyleap.datasets.indices import Indices
from lazyleap.datasets.store import ImageSet, Prepared
from lazyleap.errors import InputError
from lazyleap.items import Items
from lazyleap.kind import CURVE
from lazyleap.seeding import generator
from lazyleap.statistics import cells

NAMES = {
    "success": "success",
    "mean_queries": "queries_mean",
    "median_queries": "queries_median",
    "mean_queries_all": "queries_mean_all",
    "mean_l2": "l2",
}
"""Of a metric as measured, and as metrics.json has it."""
ABOUT = ("kind", "architecture", "accuracy", "signal")
"""What metrics.json repeats of a target's description."""


class TargetResult(NamedTuple):
    """One target attacked: ``clean`` ``[N, C, H, W]``, what came of it, and of how many images.

    ``rows`` ``[N]``: where the images are in the test split. ``still``: failures whose scores
    never moved, so that the search knew no way.
    """

    name: str
    about: Mapping[str, Any]
    clean: Tensor
    outcome: Outcome
    denominators: dict[str, int]
    rows: Indices
    still: int = 0


def attack_targets(
    search: Search,
    options: AttackTest,
    data: Prepared,
    targets: tuple[str, ...],
    seed: int,
    device: torch.device,
) -> list[TargetResult]:
    """Attack each target on the first ``options.images`` that it classifies correctly.

    ``data`` is the task's ``test/images``, the targets are beside it. The images come in the order
    in which they were drawn, the same for every setting; so does the wished-for class.

    Raises:
        InputError: naming the target that is missing or broken, gets none of the images right, or
            gives a score that is not finite.
    """
    images = data.split("test")
    chosen = Chosen.load(data.folder / "attacked.npz", images)
    found = []
    for name in targets:
        chance = generator(seed, "attack", name)
        try:
            target = store.load_scorer(data.folder.parent / "targets" / name, device)
            found.append(attack(search, options, name, target, images, chosen, chance, device))
        except InputError as error:
            raise InputError(f"target '{name}': {error}") from error
    return found


def attack(
    search: Search,
    options: AttackTest,
    name: str,
    target: store.Scorer,
    images: ImageSet,
    chosen: Chosen,
    chance: np.random.Generator,
    device: torch.device,
) -> TargetResult:
    """Attack one on the first ``options.images`` of the ``chosen`` that it classifies correctly.

    Raises:
        InputError: if it gets none of them right, or gives a score that is not finite.
    """
    scores = answers(target, images, chosen.rows, device)
    correct = np.flatnonzero(right(scores, images, chosen.rows))
    if not len(correct):
        raise InputError(f"gets none of {len(chosen)} images right")
    these = chosen.only(correct[: options.images])
    clean = pixels(images.images[these.rows], device)
    oracle = Oracle(target, options.budget, len(these), outputs=target.outputs)
    outcome = search.run(
        oracle,
        clean,
        goal(these, images.labels, options.goal, device),
        Limit(options.norm, options.epsilon),
        chance,
    )
    counts = {"images": len(chosen), "correct": len(correct), "attacked": len(these)}
    still = int((oracle.still & ~outcome.success.cpu()).sum())
    return TargetResult(name, target.about, clean, outcome, counts, these.rows, still)


def summary(results: list[TargetResult], options: AttackTest, seed: int) -> dict[str, Any]:
    """All metrics, of each target as ``NAME@TARGET`` and over all, with their denominators."""
    whole = TargetResult(
        "",
        {},
        torch.cat([result.clean for result in results]),
        pool([result.outcome for result in results]),
        {key: sum(one.denominators[key] for one in results) for key in results[0].denominators},
        np.concatenate([result.rows for result in results]),
    )
    found = {result.name: _measure(result, options, seed) for result in [whole, *results]}
    return {
        "metrics": {
            NAMES[key] + (f"@{name}" if name else ""): score
            for name, one in found.items()
            for key, score in one["metrics"].items()
            if math.isfinite(score["ci95"])  # a mean of one success has no interval
        },
        "primary": "success",
        "denominators": {name or "all": one["denominators"] for name, one in found.items()},
        "targets": {
            result.name: {
                **{key: result.about.get(key) for key in ABOUT},
                "still": result.still,
            }
            for result in results
        },
        "warnings": [words for result in results for words in _warnings(result)],
        **options.model_dump(include={"goal", "norm", "epsilon", "budget"}),
    }


def _warnings(result: TargetResult) -> list[str]:
    """What takes an attack's failures their meaning, a sentence each."""
    found = []
    if words := warning(result.about.get("signal") or {"moved": 1}):
        found.append(f"target '{result.name}': {words}")
    if result.still:
        found.append(
            f"target '{result.name}': its scores never moved in the attacks on {result.still} of "
            f"{len(result.clean)} images, which therefore say nothing of its robustness"
        )
    return found


def _measure(result: TargetResult, options: AttackTest, seed: int) -> dict[str, Any]:
    return measure(
        result.outcome,
        result.clean,
        result.denominators,
        budget=options.budget,
        resamples=options.resamples,
        chance=generator(seed, "bootstrap", result.name),
        clusters=result.rows[:, None] if len(np.unique(result.rows)) < len(result.rows) else None,
    )


def curve(results: list[TargetResult], options: AttackTest) -> list[tuple[Any, ...]]:
    """Success of all targets together, and of each, after 1..budget queries, log-spaced."""
    steps = np.unique(np.geomspace(1, options.budget, options.curve_points).round().astype(int))
    outcomes = [result.outcome for result in results]
    whole, *each = (shares(one, steps.tolist()) for one in [pool(outcomes), *outcomes])
    header = (*CURVE, *(f"success@{result.name}" for result in results))
    return [header] + [
        (asked, *cells(share), *(column[i]["value"] for column in each))
        for i, (asked, share) in enumerate(zip(steps.tolist(), whole, strict=True))
    ]


def items(results: list[TargetResult], options: AttackTest) -> Items:
    """Every attacked image of every target; ``queries_mean_all`` has failures at the budget.

    ``image`` is its row of the test split, ``target`` the place in ``results``; ``queries`` and
    ``l2`` are what a failure came to, too.
    """
    whole = pool([result.outcome for result in results])
    clean = torch.cat([result.clean for result in results])
    success, queries = whole.success.cpu().numpy(), whole.queries.cpu().numpy()
    rows = np.concatenate([result.rows for result in results])
    return Items(
        {
            "success": success.astype(float),
            "queries_mean_all": np.where(success, queries, options.budget).astype(float),
        },
        {
            "clusters": rows[:, None],
            "target": np.repeat(np.arange(len(results)), [len(result.rows) for result in results]),
            "queries": queries,
            "l2": distances(whole, clean),
        },
    )


def triplets(results: list[TargetResult], count: int) -> dict[str, NDArray[np.float32]]:
    """Clean, perturbation and adversarial of the first successes of each target.

    ``[n, 3, C, H, W]`` by target's name, pixels in 0..1; perturbations are not stretched.
    """
    found = {}
    for result in results:
        rows = result.outcome.success.nonzero()[:count, 0]
        clean, adversarial = result.clean[rows], result.outcome.adversarial[rows]
        if len(rows):
            found[result.name] = (
                torch.stack([clean, adversarial - clean, adversarial], 1).cpu().float().numpy()
            )
    return found


def shown(triplet: NDArray[np.float32]) -> Tensor:
    """The same to be looked at: the perturbation about grey, its largest entry black or white."""
    cells = torch.from_numpy(triplet.copy())
    largest = cells[:, 1].abs().amax().clamp_min(1e-12)
    cells[:, 1] = 0.5 + cells[:, 1] / (2 * largest)
    return cells
