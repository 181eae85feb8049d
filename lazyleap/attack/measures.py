"""How many queries a classifier withstands: success, queries, distance, and success by queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lazyleap.attack.attempt import Outcome
from lazyleap.errors import InputError
from lazyleap.statistics import Numbers, Score, interval, proportion, score


def measure(
    outcome: Outcome,
    clean: Tensor,
    denominators: Mapping[str, int],
    *,
    budget: int,
    resamples: int,
    chance: np.random.Generator,
    clusters: Numbers | None = None,
) -> dict[str, Any]:
    """What an attack on N images came to.

    Args:
        outcome: of these images; several attacks (targets) are made one by :func:`pool`.
        clean: the images, ``[N, C, H, W]``.
        denominators: how the N came about, by name, e.g. ``images`` looked at, ``correct`` ones
            among them, and ``attacked``, which must be N: the denominator of every share here.
        budget: queries an image could cost.
        resamples: bootstrap samples of the median.
        chance: for the bootstrap.
        clusters: ``[N, 1]``, which image, where one is attacked on several targets: it may be a
            hard one for all, so the intervals of what is over all images allow for it.

    ``metrics``: ``success`` (share of the attacked; Wilson's interval), ``mean_queries`` and
    ``median_queries`` of the successes (t-interval; bootstrap percentiles), ``mean_queries_all``
    (a failure counts as the whole budget, so that a search that gives up on hard images gains
    nothing), ``mean_l2`` of the successes, in pixels of 0..1. Without a success those of
    successes are left out; of a single one the interval is NaN. An attack at chance is one without
    a success: all images are right as they are.

    Raises:
        InputError: the outcome, the images and the denominator are not of one number.
    """
    success, queries = outcome.success.cpu().numpy(), outcome.queries.cpu().numpy()
    attacked = denominators.get("attacked")
    if not len(success) == len(clean) == attacked:
        raise InputError(
            f"attack: an outcome of {len(success)} images for {len(clean)} clean ones, "
            f"denominator 'attacked' {attacked}"
        )
    share = proportion(success) if clusters is None else interval(success, (0, 1), clusters)
    spent = np.where(success, queries, budget).astype(float)
    at_chance = not success.any()
    metrics = {
        "success": share | {"chance": 0.0, "at_chance": at_chance},
        "mean_queries_all": interval(spent, (1, budget), clusters)
        | {"chance": float(budget), "at_chance": at_chance},
    }
    if success.any():
        metrics |= {
            "mean_queries": interval(spent[success]),
            "median_queries": median(spent[success], resamples, chance),
            "mean_l2": interval(distances(outcome, clean)[success]),
        }
    return {
        "metrics": metrics,
        "denominators": dict(denominators),
        "budget": budget,
    }


def distances(outcome: Outcome, clean: Tensor) -> Numbers:
    """Euclidean length of each perturbation, pixels in 0..1, float64 ``[N]``."""
    moved = (outcome.adversarial - clean).double()
    return np.asarray(torch.linalg.vector_norm(moved, dim=(1, 2, 3)).cpu())


def pool(outcomes: Sequence[Outcome]) -> Outcome:
    """Several attacks as one, their images one after another."""
    return Outcome(
        torch.cat([o.adversarial for o in outcomes]),
        torch.cat([o.success for o in outcomes]),
        torch.cat([o.queries for o in outcomes]),
    )


def median(values: Numbers, resamples: int, chance: np.random.Generator) -> Score:
    """The median of ``[n]`` and its 95% bootstrap percentile interval. Source: Efron, 1979."""
    draws = chance.integers(len(values), size=(resamples, len(values)))
    low, high = np.percentile(np.median(values[draws], axis=1), [2.5, 97.5])
    return score(float(np.median(values)), float(low), float(high), len(values))


def curve(outcome: Outcome, steps: Iterable[int]) -> list[Score]:
    """For each number of queries the share of the N images that succeeded with no more."""
    success, queries = outcome.success.cpu().numpy(), outcome.queries.cpu().numpy()
    return [proportion(success & (queries <= asked)) for asked in steps]
