"""The meta-learner of a setting: network, problem, estimator, episodes."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from lazyleap.algorithms import MAML
from lazyleap.bilevel import Task
from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import Prepared
from lazyleap.estimators.together import quickest
from lazyleap.fewshot.episodes import Episodes, Sampler, as_tasks
from lazyleap.fewshot.measures import accuracies
from lazyleap.fewshot.network import pixels_of, problem_of
from lazyleap.fewshot.options import task
from lazyleap.kind import Preview
from lazyleap.seeding import generator
from lazyleap.setting import Setting
from lazyleap.statistics import interval
from lazyleap.training.loop import Metrics, validated
from lazyleap.training.meta_learner import MetaLearner
from lazyleap.training.outer import OuterOptions
from lazyleap.trees import Tree

KEEP = "best"


def learner(setting: Setting, data: Prepared, device: torch.device) -> MetaLearner:
    """The meta-learner of a setting: network, problem, estimator, episodes."""
    problem, start = problem_of(setting, data, device)
    options = task(setting).training
    pixels = pixels_of(data, "train", device)
    fixed = Episodes.load(data.folder / "validation.npz", data.count("val"))
    grouped, size = task(setting).grouped, task(setting).batch
    sampler = Sampler(data.split("train"), options.way, options.shot, options.query, grouped)

    def sample(iteration: int) -> list[Task]:
        chance = generator(setting.seed, "episodes", iteration)
        drawn = sampler.draw(options.meta_batch, chance)
        return as_tasks(pixels, drawn, setting.horizon_at(iteration), size)

    return MetaLearner(
        problem,
        quickest(setting.make_estimator(), problem, start),
        start,
        OuterOptions.of(setting.algorithm_options.outer, setting.meta_iterations),
        sample=sample,
        accuracy=partial(_accuracy, problem),
        score=partial(
            _score,
            problem,
            setting.horizon,
            size,
            unseen := pixels_of(data, "val", device),
            fixed,
        ),
        held_out=lambda count: as_tasks(unseen, fixed.head(count), setting.horizon, size),
    )


def pictures(learner: MetaLearner) -> dict[str, Tensor]:
    """The first training episode: a row a class, support images left, query images right."""
    task = learner.sample(0)[0]
    way = int(task.outer.targets.max()) + 1
    support = getattr(task.inner, "support", task.inner[0])
    parts = [batch.inputs.unflatten(0, (way, -1)) for batch in (support, task.outer)]
    return {"episode/support_and_query": torch.cat(parts, dim=1)}


def preview(learner: MetaLearner) -> dict[str, Preview]:
    """Nothing: episodes are seen once."""
    del learner
    return {}


def classes(setting: Setting, data: Prepared) -> int:
    """The ways: classes of an episode have no names."""
    del data
    return task(setting).training.way


def _accuracy(problem: MAML, phi: Tree, theta: Tree, task: Task) -> float:
    with torch.no_grad():
        hits = problem.predict(phi, theta, task.outer.inputs).argmax(-1) == task.outer.targets
    return float(hits.float().mean())


def _score(
    problem: MAML, horizon: int, size: int | None, pixels: Pixels, episodes: Episodes, theta: Tree
) -> Metrics:
    found = accuracies(problem, theta, pixels, episodes, [horizon], size)[horizon]
    return validated(interval(found, (0, 1)), 1 / episodes.support.shape[1])
