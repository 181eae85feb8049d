"""Twenty meta-iterations of a gradient predictor, from params.yaml on, against plain torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from lazyleap.attack import train as stage
from lazyleap.attack.chosen import Chosen
from lazyleap.classifiers import store
from tests.handmade import CPU, float64, images, prepared, setting, trained
from tests.oracles import episodes as oracle
from tests.oracles.networks import cosine_distance, mlp, predictor, squared_error
from tests.oracles.outer import Descent
from tests.oracles.surrogates import cosine, error, slope
from tests.reference import Plain, assert_same

ITERATIONS, EVERY, RATE, SURROGATES = 20, 7, 0.05, ("one", "two")
SIZES = {"support": 4, "query": 3, "meta_batch": 2, "images": 17, "validation_tasks": 2}
HELD_OUT, CLASSES = 9, 3


@dataclass(frozen=True)
class Way:
    """A setting, and the same written for the oracle."""

    run: dict[str, Any]
    gradient: oracle.Gradient
    outer: dict[str, Any]
    momentum: float = 0.0
    goal: str = "untargeted"
    loss: str = "squared_error"


ADAM = {"optimizer": "adam", "lr": 0.003, "schedule": "cosine", "clip_norm": None}
LAZY = {"estimator": "lazy", "placement": "start", "horizon": 3}
WAYS = {
    "lazy": Way(LAZY, oracle.lazy(0), ADAM),
    "exact, momentum, targeted": Way(
        {"estimator": "exact", "horizon": 2},
        oracle.exact,
        ADAM | {"schedule": "step", "clip_norm": 0.1},
        momentum=0.5,
        goal="targeted",
    ),
    "reptile": Way(
        {"estimator": "reptile", "horizon": 3},
        oracle.reptile,
        ADAM | {"optimizer": "sgd", "lr": 1.0},
    ),
    "lazy, cosine": Way(LAZY, oracle.lazy(0), ADAM, loss="cosine"),
}
LOSSES = {"squared_error": squared_error, "cosine": cosine_distance}


def project(folder, way: Way):
    """The setting, its images with two surrogates beside them, and those held out."""

    def change(params):
        task = params["tasks"]["glyphs-attack"]
        task["model"]["width"] = 3  # so few that each normalisation has one group
        task["training"].update(SIZES, goal=way.goal)
        task["training"].update(meta_iterations=ITERATIONS, validate_every=EVERY)
        options = params["algorithms"]["meta_attack"]
        options.update(inner_lr=RATE, momentum=way.momentum, outer=way.outer, loss=way.loss)
        (any_surrogate, *_) = params["surrogates"].values()
        params["surrogates"] = dict.fromkeys(SURROGATES, any_surrogate)

    ours = setting(folder, "glyphs-attack", {"algorithm": "meta_attack", **way.run}, change)
    train = images(1, [10, 11, 9])
    data = prepared(folder / "data/images", train=train)
    held_out = np.arange(0, 3 * HELD_OUT, 3)
    wished = (train.labels[held_out] + 1) % CLASSES
    Chosen(held_out, wished).save(data.folder / "held_out.npz")
    for seed, name in enumerate(SURROGATES):
        about = {"architecture": "mlp", "width": 16, "classes": CLASSES}
        about |= {"image": {"channels": 1, "height": 16, "width": 16}}
        about |= {"mean": [0.4 + 0.1 * seed], "std": [0.3]}
        torch.manual_seed(seed)
        (data.folder.parent / "surrogates" / name).mkdir(parents=True)
        store.save(data.folder.parent / "surrogates" / name, store.network(about), about)
    return ours, data, train, held_out


def networks(folder):
    """The surrogates as plain functions, in double precision."""
    for name in SURROGATES:
        network = store.load_network(folder.parent / "surrogates" / name, CPU)
        yield partial(mlp, {n: p.double() for n, p in network.state_dict().items()})


@pytest.mark.parametrize("name", WAYS)
def test_theta_is_that_of_plain_torch(name, tmp_path, monkeypatch):
    way = WAYS[name]
    ours, data, train, held_out = project(tmp_path, way)
    drawn, sample = [], stage.sample
    monkeypatch.setattr(stage, "sample", lambda *a, **k: drawn.append(sample(*a, **k)) or drawn[-1])
    with float64():
        learner = stage.learner(ours, data, CPU)
        (validation,) = drawn
        start = {n: p.clone() for n, p in learner.theta.items()}
        batches = [learner.sample(i) for i in range(ITERATIONS)]
        progress = trained(learner, ours, stage.KEEP)
        logits, last = list(networks(data.folder)), learner.validate()
        pictures = stage.pictures(learner)
    plain = Plain("maml", predictor, LOSSES[way.loss], RATE, way.momentum)
    descent = Descent(**way.outer, iterations=ITERATIONS)
    thetas = oracle.train(plain, start, batches, way.gradient, descent)
    assert_same(learner.theta, thetas[-1], rtol=0, atol=1e-12)

    def score(theta):
        each = [cosine(plain, theta, task, ours.horizon) for task in validation]
        return sum(each) / len(each)

    iteration, value, theta = oracle.best(thetas, EVERY, score)
    assert (progress.best_iteration, progress.best_score) == (iteration, pytest.approx(value))
    assert_same(progress.best_theta, theta, rtol=0, atol=1e-12)

    errors = [error(plain, thetas[-1], task, ours.horizon) for task in validation]
    assert last["validation/squared_error"] == pytest.approx(sum(errors) / len(errors))
    ((_, cells),) = pictures.items()
    maps = predictor(thetas[-1], batches[0][0].outer.inputs)
    gradients = 0.5 + batches[0][0].outer.targets / 2  # whose largest entry is 1
    shown = (batches[0][0].outer.inputs, gradients, 0.5 + maps / maps.abs().max() / 2)
    torch.testing.assert_close(cells, torch.stack(shown))

    meta = [one for tasks in batches for one in tasks]
    assert (len(meta), len(validation)) == (2 * ITERATIONS, 2 * len(SURROGATES))
    free = np.setdiff1d(np.arange(len(train.labels)), held_out)
    of = [surrogate(one, train, logits, way.goal) for one in meta]
    rows = [row for _, some in of for row in some]
    assert set(rows) <= set(free)
    assert len(set(rows)) == SIZES["images"]
    looked = [row for one in validation for row in surrogate(one, train, logits, way.goal)[1]]
    assert set(looked) == set(held_out)
    assert sum(which for which, _ in of) == ITERATIONS  # each meta-batch has both


def surrogate(task, train, logits, goal: str) -> tuple[int, list[int]]:
    """Whose gradients the task holds, and of which images: support and query apart."""
    known = {tuple(image.ravel().tolist()): row for row, image in enumerate(train.images)}
    support, query = (
        [known[tuple((255 * x).round().int().ravel().tolist())] for x in batch.inputs]
        for batch in (task.inner[0], task.outer)
    )
    assert all(batch is task.inner[0] for batch in task.inner)
    assert len(set(support) | set(query)) == SIZES["support"] + SIZES["query"]
    inputs, targets = (torch.cat(parts) for parts in zip(task.inner[0], task.outer, strict=True))
    (which,) = (
        i
        for i, network in enumerate(logits)
        if all(
            any(torch.allclose(slope(network, x, c, goal == "targeted"), g) for c in classes)
            for x, g, classes in zip(
                inputs, targets, labels(train, support + query, goal), strict=True
            )
        )
    )
    return which, support + query


def labels(train, rows, goal: str):
    """The classes that the gradient may lead away from, or to: any wrong one."""
    true = train.labels[rows].tolist()
    return [[c for c in range(CLASSES) if (c == own) == (goal == "untargeted")] for own in true]
