"""Accuracy of a setting on the test episodes."""

from __future__ import annotations

import numpy as np
import torch

from lazyleap.datasets.indices import Indices
from lazyleap.datasets.store import Prepared
from lazyleap.datasets.store import load as load_data
from lazyleap.fewshot.episodes import Episodes
from lazyleap.fewshot.measures import accuracies
from lazyleap.fewshot.network import pixels_of, problem_of
from lazyleap.fewshot.options import task
from lazyleap.fewshot.scores import measure
from lazyleap.kind import CURVE, Verdict
from lazyleap.setting import Setting
from lazyleap.statistics import cells, interval
from lazyleap.trees import Tree


def judge(setting: Setting, theta: Tree, data: Prepared, device: torch.device) -> Verdict:
    """Accuracy over all test episodes at the common steps and at the setting's own horizon.

    Which of the common ones counts, validation chooses, on its episodes of the training side. The
    curve is over the first test episodes.
    """
    seen = load_data(data.folder.parents[1] / "train" / "images")
    test, k = task(setting).test, setting.horizon
    problem, _ = problem_of(setting, data, device)
    episodes = Episodes.load(data.folder / "episodes.npz")
    past = Episodes.load(seen.folder / "validation.npz")
    pixels, before = pixels_of(data, "test", device), pixels_of(seen, "val", device)
    items, metrics = measure(
        accuracies(problem, theta, pixels, episodes, [*test.steps, k]),
        accuracies(problem, theta, before, past, test.steps),
        test.steps,
        _classes(episodes, data, "test"),
        _classes(past, seen, "val"),
    )
    few = episodes.head(test.curve_episodes)
    curve = accuracies(problem, theta, pixels, few, range(test.curve_steps + 1))
    rows = [(steps, *cells(interval(of, (0, 1)))) for steps, of in curve.items()]
    about = {
        "own": f"accuracy@{k}",
        "norm": getattr(task(setting).model, "norm", ""),
        "way": episodes.support.shape[1],
        "shot": episodes.support.shape[2],
        "test_digest": episodes.digest,
    }
    return Verdict(metrics | about, [CURVE, *rows], items)


def _classes(episodes: Episodes, data: Prepared, part: str) -> Indices:
    """Of each episode, ``[E, way]``."""
    return np.asarray(data.split(part).labels)[episodes.support[:, :, 0]]
