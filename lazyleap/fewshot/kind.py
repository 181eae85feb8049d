"""Few-shot learning: fixed episodes, a meta-learner of episodes, accuracy after adaptation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lazyleap.algorithms import MAML
from lazyleap.bilevel import Adapts, Task
from lazyleap.datasets.indices import Indices
from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import ImageSet, Prepared
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError
from lazyleap.fewshot.episodes import Episodes, Sampler, as_tasks
from lazyleap.fewshot.evaluation import accuracies
from lazyleap.fewshot.network import build as build_network
from lazyleap.fewshot.options import FewShotTask
from lazyleap.fewshot.scores import measure
from lazyleap.kind import CURVE, Drawn, Preview, Verdict
from lazyleap.models import functional
from lazyleap.seeding import generator, seed_torch
from lazyleap.setting import Setting
from lazyleap.statistics import cells, interval
from lazyleap.training.loop import Metrics, validated
from lazyleap.training.meta_learner import MetaLearner
from lazyleap.training.outer import OuterOptions
from lazyleap.trees import Tree

Options, KEEP, CLASSIFIERS = FewShotTask, "best", False
EXPORTER, REPORTER = "lazyleap.fewshot.export", "lazyleap.fewshot.report"
NEEDS = "an algorithm that adapts a network to a support set (theta, predict)"
VALIDATION, TEST = "train/images/validation.npz", "test/images/episodes.npz"


def takes(algorithm: Any) -> bool:
    """Whether it adapts a network, and not one to attack with."""
    return "search" not in algorithm.Options.model_fields and issubclass(algorithm, Adapts)


def check(setting: Setting) -> None:
    """All is said by the schema."""


def draw(sets: Mapping[str, ImageSet], options: FewShotTask) -> dict[str, Drawn]:
    """The episodes that every setting is validated and tested on."""
    fixed = options.draw

    def episodes(part: str, count: int) -> Episodes:
        if part not in sets:
            raise InputError(f"dataset: has no {part} split, only {', '.join(sets)}")
        try:
            sampler = Sampler(sets[part], fixed.way, fixed.shot, fixed.query)
        except InputError as error:
            raise InputError(f"draw, {part} split: {error}") from error
        return sampler.draw(count, generator(fixed.seed, part))

    return {
        VALIDATION: episodes("val", fixed.validation_episodes),
        TEST: episodes("test", fixed.test_episodes),
    }


def learner(setting: Setting, data: Prepared, device: torch.device) -> MetaLearner:
    """The meta-learner of a setting: network, problem, estimator, episodes."""
    problem, start = _problem(setting, data, device)
    options = _task(setting).training
    pixels = _pixels(data, "train", device)
    sampler = Sampler(data.split("train"), options.way, options.shot, options.query)

    def sample(iteration: int) -> list[Task]:
        chance = generator(setting.seed, "episodes", iteration)
        return as_tasks(pixels, sampler.draw(options.meta_batch, chance), setting.horizon)

    return MetaLearner(
        problem,
        setting.make_estimator(),
        start,
        OuterOptions.of(setting.algorithm_options.outer, setting.meta_iterations),
        sample=sample,
        accuracy=partial(_accuracy, problem),
        score=partial(
            _score,
            problem,
            setting.horizon,
            _pixels(data, "val", device),
            Episodes.load(data.folder / "validation.npz"),
        ),
    )


def pictures(learner: MetaLearner) -> dict[str, Tensor]:
    """The first training episode: a row a class, support images left, query images right."""
    task = learner.sample(0)[0]
    way = int(task.outer.targets.max()) + 1
    parts = [batch.inputs.unflatten(0, (way, -1)) for batch in (task.inner[0], task.outer)]
    return {"episode/support_and_query": torch.cat(parts, dim=1)}


def preview(learner: MetaLearner) -> dict[str, Preview]:
    """Nothing: episodes are seen once."""
    del learner
    return {}


def classes(setting: Setting, data: Prepared) -> int:
    """The ways: classes of an episode have no names."""
    del data
    return _task(setting).training.way


def judge(setting: Setting, theta: Tree, data: Prepared, device: torch.device) -> Verdict:
    """Accuracy over all test episodes at the common steps and at the setting's own horizon.

    Which of the common ones counts, validation chooses, on its episodes of the training side. The
    curve is over the first test episodes.
    """
    seen = load_data(data.folder.parents[1] / "train" / "images")
    test, k = _task(setting).test, setting.horizon
    problem, _ = _problem(setting, data, device)
    episodes = Episodes.load(data.folder / "episodes.npz")
    past = Episodes.load(seen.folder / "validation.npz")
    pixels, before = _pixels(data, "test", device), _pixels(seen, "val", device)
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
        "norm": getattr(_task(setting).model, "norm", ""),
        "way": episodes.support.shape[1],
        "shot": episodes.support.shape[2],
        "test_digest": episodes.digest,
    }
    return Verdict(metrics | about, [CURVE, *rows], items)


def _classes(episodes: Episodes, data: Prepared, part: str) -> Indices:
    """Of each episode, ``[E, way]``."""
    return np.asarray(data.split(part).labels)[episodes.support[:, :, 0]]


def _task(setting: Setting) -> FewShotTask:
    assert isinstance(setting.task, FewShotTask)
    return setting.task


def _problem(
    setting: Setting, data: Prepared, device: torch.device
) -> tuple[MAML, dict[str, Tensor]]:
    seed_torch(setting.seed, "network")
    network = build_network(_task(setting).model, _task(setting).training.way, data.info).to(device)
    problem = setting.make_problem(functional(network))
    return problem, problem.theta(network)


def _pixels(data: Prepared, part: str, device: torch.device) -> Pixels:
    return Pixels(data.split(part), data.info["mean"], data.info["std"], device)


def _accuracy(problem: MAML, phi: Tree, theta: Tree, task: Task) -> float:
    with torch.no_grad():
        hits = problem.predict(phi, theta, task.outer.inputs).argmax(-1) == task.outer.targets
    return float(hits.float().mean())


def _score(problem: MAML, horizon: int, pixels: Pixels, episodes: Episodes, theta: Tree) -> Metrics:
    found = accuracies(problem, theta, pixels, episodes, [horizon])[horizon]
    return validated(interval(found, (0, 1)), 1 / episodes.support.shape[1])
