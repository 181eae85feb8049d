"""Accuracy of a setting on the test episodes."""

from __future__ import annotations

import numpy as np
import torch

from lazyleap.datasets.indices import Indices
from lazyleap.datasets.store import Prepared
from lazyleap.datasets.store import load as load_data
from lazyleap.estimators.together import engine
from lazyleap.fewshot.episodes import Episodes, groups
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
    asked, k = task(setting), setting.horizon
    test, size = asked.test, asked.batch
    problem, _ = problem_of(setting, data, device)
    episodes = Episodes.load(data.folder / "episodes.npz", data.count("test"))
    past = Episodes.load(seen.folder / "validation.npz", seen.count("val"))
    pixels, before = pixels_of(data, "test", device), pixels_of(seen, "val", device)
    few, rest = episodes.head(test.curve_episodes), episodes.tail(test.curve_episodes)
    all_steps = {*points(test.curve_steps), *test.steps, k}
    curve = accuracies(problem, theta, pixels, few, all_steps, size)
    others = accuracies(problem, theta, pixels, rest, {*test.steps, k}, size) if len(rest) else {}
    items, metrics = measure(
        {s: np.concatenate([curve[s], others.get(s, [])]) for s in {*test.steps, k}},
        accuracies(problem, theta, before, past, test.steps, size),
        test.steps,
        _clusters(episodes, data, "test", asked.grouped),
        _clusters(past, seen, "val", asked.grouped),
        episodes.support.shape[1],
    )
    rows = [(s, *cells(interval(curve[s], (0, 1)))) for s in points(test.curve_steps)]
    about = {
        "engine": engine(problem, theta),
        "own": f"accuracy@{k}",
        "norm": getattr(asked.model, "norm", ""),
        "way": episodes.support.shape[1],
        "shot": episodes.support.shape[2],
        "test_digest": episodes.digest,
    }
    return Verdict(metrics | about, [CURVE, *rows], items)


def points(last: int) -> list[int]:
    """The steps that a curve is drawn at: all up to ten, then every fifth, and the last."""
    return sorted({*range(min(last, 10) + 1), *range(15, last, 5), last})


def _clusters(episodes: Episodes, data: Prepared, part: str, grouped: bool) -> Indices:
    """What an episode shares with others: its classes, ``[E, way]``, or their group, ``[E, 1]``."""
    images = data.split(part)
    found = np.asarray(images.labels)[episodes.support[:, :, 0]]
    return groups(images.classes)[found[:, :1]] if grouped else found
