"""The meta-learner of a gradient predictor, which surrogates teach."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from lazyleap.algorithms import MAML
from lazyleap.algorithms.meta_attack import squared_error
from lazyleap.attack.chosen import Chosen, goal, others
from lazyleap.attack.network import predictor
from lazyleap.attack.options import AttackTraining, task
from lazyleap.attack.pairs import Pairs, pairs, sample
from lazyleap.bilevel import Adapts, Task, step
from lazyleap.classifiers import store
from lazyleap.classifiers.fit import pixels
from lazyleap.datasets.store import ImageSet, Prepared
from lazyleap.estimators.together import quickest
from lazyleap.kind import Preview
from lazyleap.models import functional
from lazyleap.seeding import generator, seed_torch
from lazyleap.setting import Setting
from lazyleap.statistics import interval
from lazyleap.training.loop import Learner, Metrics, validated
from lazyleap.training.meta_learner import MetaLearner, Untrained
from lazyleap.training.outer import OuterOptions
from lazyleap.trees import Tree

KEEP = "best"


def learner(setting: Setting, data: Prepared, device: torch.device) -> Learner:
    """The meta-learner of a gradient predictor; where nothing is trained, one that says so."""
    if not issubclass(setting.algorithm_class, Adapts):
        return Untrained()
    problem, start = _problem(setting, data, device)
    options = task(setting).training
    sets, held_out = surrogate_pairs(setting, data, device)
    size = {"support": options.support, "query": options.query}

    def meta_batch(iteration: int) -> list[Task]:
        chance = generator(setting.seed, "pairs", iteration)
        k = setting.horizon_at(iteration)
        return sample(sets, count=options.meta_batch, chance=chance, horizon=k, **size)

    fixed = sample(
        held_out,
        count=options.validation_tasks * len(held_out),
        chance=generator(task(setting).draw.seed, "validation"),
        horizon=setting.horizon,
        **size,
    )
    return MetaLearner(
        problem,
        quickest(setting.make_estimator(), problem, start),
        start,
        OuterOptions.of(setting.algorithm_options.outer, setting.meta_iterations),
        sample=meta_batch,
        accuracy=partial(_mean_cosine, problem),
        score=partial(transfer, problem, fixed),
        scored="train/outer_cosine",
        held_out=lambda count: fixed[:count],
    )


def pictures(learner: Learner) -> dict[str, Tensor]:
    """Eight images, a surrogate's gradients of them, and the predictor's maps, a row each."""
    if not isinstance(learner, MetaLearner):
        return {}
    assert isinstance(learner.problem, MAML)
    batch = learner.sample(0)[0].outer
    theta = learner.theta
    with torch.no_grad():
        maps = learner.problem.predict(learner.problem.init(theta), theta, batch.inputs)
    shown = [batch.inputs[:8], *(0.5 + _stretched(part[:8]) / 2 for part in (batch.targets, maps))]
    return {"pairs/images_gradients_and_maps": torch.stack(shown)}


def preview(learner: Learner) -> dict[str, Preview]:
    """Nothing: of the maps, ``pictures`` shows enough."""
    del learner
    return {}


def classes(setting: Setting, data: Prepared) -> int:
    """A map has no classes: those of the data set."""
    del setting
    return len(next(iter(data.info["splits"].values()))["classes"])


def _problem(
    setting: Setting, data: Prepared, device: torch.device
) -> tuple[MAML, dict[str, Tensor]]:
    seed_torch(setting.seed, "network")
    network = predictor(setting, data.info).to(device)
    problem = setting.make_problem(functional(network))
    return problem, problem.theta(network)


def surrogate_pairs(
    setting: Setting, data: Prepared, device: torch.device
) -> tuple[list[Pairs], list[Pairs]]:
    """Each surrogate's pairs, of images it may have been trained on, and of held-out ones."""
    images = data.split("train")
    held_out = Chosen.load(data.folder / "held_out.npz", images)
    options = task(setting).training
    chance = generator(task(setting).draw.seed, "gradients")
    free = np.setdiff1d(np.arange(len(images.labels)), held_out.rows)
    rows = chance.choice(free, min(options.images, len(free)), replace=False)
    chosen = Chosen(rows, others(images.labels[rows], len(images.classes), chance))
    folder = data.folder.parent / "surrogates"
    networks = [store.load_network(folder / name, device) for name in setting.surrogates]
    return (
        [_pairs(network, images, chosen, options, device) for network in networks],
        [_pairs(network, images, held_out, options, device) for network in networks],
    )


def _pairs(
    network: torch.nn.Module,
    images: ImageSet,
    chosen: Chosen,
    options: AttackTraining,
    device: torch.device,
) -> Pairs:
    shown = pixels(images.images[chosen.rows], device)
    return pairs(network, shown, goal(chosen, images.labels, options.goal, device))


def cosines(maps: Tensor, gradients: Tensor) -> Tensor:
    """Cosine of each map with its gradient, ``[n]``; 0 where either is zero."""
    return cosine_similarity(maps.flatten(1), gradients.flatten(1))


def _mean_cosine(problem: MAML, phi: Tree, theta: Tree, task: Task) -> float:
    with torch.no_grad():
        maps = problem.predict(phi, theta, task.outer.inputs)
    return float(cosines(maps, task.outer.targets).mean())


def transfer(problem: MAML, tasks: Sequence[Task], theta: Tree) -> Metrics:
    """After each task's inner steps, how near the maps of its other images are to the gradients."""
    found, errors = [], []
    with torch.no_grad():
        for one in tasks:
            phi = problem.init(theta)
            for batch in one.inner:
                phi = step(problem, phi, theta, batch)
            maps = problem.predict(phi, theta, one.outer.inputs)
            found.append(cosines(maps, one.outer.targets))
            errors.append(float(squared_error(maps, one.outer.targets)))
    score = interval(torch.cat(found).double().cpu().numpy(), (-1, 1))
    return validated(score, 0.0) | {"validation/squared_error": sum(errors) / len(errors)}


def _stretched(maps: Tensor) -> Tensor:
    return maps / maps.abs().amax().clamp_min(1e-12)
