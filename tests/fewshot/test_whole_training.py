"""Twenty meta-iterations of few-shot training, from params.yaml on, against plain torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from lazyleap.bilevel import Batch, Task
from lazyleap.fewshot import train
from lazyleap.fewshot.episodes import Episodes
from tests.handmade import CPU, float64, images, prepared, seen, setting, trained
from tests.oracles import episodes as oracle
from tests.oracles.networks import batch_norm, conv4, cross_entropy, group_norm
from tests.oracles.outer import Descent
from tests.reference import Plain, assert_same

NORMS = {"batch": batch_norm, "group": group_norm}
WAY, SHOT, QUERY, ITERATIONS, EVERY = 3, 2, 2, 20, 6


@dataclass(frozen=True)
class Way:
    """A setting, and the same written for the oracle."""

    run: dict[str, Any]
    gradient: oracle.Gradient
    algorithm: str = "maml"
    momentum: float = 0.0
    rate: float = 0.1
    outer: dict[str, Any] = field(default_factory=dict)
    norm: str = "group"


ADAM = {"optimizer": "adam", "lr": 0.003, "schedule": "cosine", "clip_norm": 0.5}
SGD = {"optimizer": "sgd", "lr": 0.05, "schedule": "step", "clip_norm": None}
LAZY = {"estimator": "lazy", "placement": "start", "horizon": 3}
END = LAZY | {"placement": "end"}
EXACT, FIRST = ({"estimator": name, "horizon": 3} for name in ("exact", "first_order"))
# A bias before batch normalisation has no gradient but rounding, which Adam would magnify.
WAYS = {
    "lazy start, some clipped": Way(LAZY, oracle.lazy(0), outer=ADAM | {"clip_norm": 3.5}),
    "lazy end, momentum, step": Way(
        END, oracle.lazy(2), momentum=0.6, outer=ADAM | {"schedule": "step"}
    ),
    "lazy half of the way": Way(END | {"lam": 0.5}, oracle.lazy(2, lam=0.5), outer=SGD),
    "two leaps, batch norm": Way(LAZY | {"leaps": 2}, oracle.lazy(0, 1), outer=SGD, norm="batch"),
    "two leaps, anil": Way(
        LAZY | {"leaps": 2}, oracle.lazy(0, 1), "anil", outer=SGD | {"clip_norm": 0.1}
    ),
    "exact, momentum": Way(EXACT, oracle.exact, momentum=0.6, outer=ADAM),
    "unrolled, meta-sgd": Way(
        {"estimator": "unrolled", "horizon": 2}, oracle.exact, "meta_sgd", outer=ADAM
    ),
    "first order, constant": Way(FIRST, oracle.first_order, outer=ADAM | {"schedule": "constant"}),
    "first order, meta-sgd, momentum": Way(
        FIRST, oracle.first_order, "meta_sgd", momentum=0.6, outer=ADAM
    ),
    "reptile, batch norm": Way(
        {"estimator": "reptile", "horizon": 3}, oracle.reptile, outer=SGD, norm="batch"
    ),
}


def project(folder, way: Way):
    """The setting, its prepared images, and the validation episodes."""

    def change(params):
        task = params["tasks"]["glyphs"]
        task["draw"].update(way=WAY, shot=SHOT)
        task["model"].update(width=4, norm=way.norm, downsample="stride")
        task["training"].update(way=WAY, shot=SHOT, query=QUERY, meta_batch=2)
        task["training"].update(meta_iterations=ITERATIONS, validate_every=EVERY)
        options = params["algorithms"][way.algorithm]
        options.update(inner_lr=way.rate, momentum=way.momentum, outer=way.outer)

    ours = setting(folder, "glyphs", {"algorithm": way.algorithm, **way.run}, change)
    sets = {"train": images(1, [5, 6, 7, 5], 32), "val": images(2, [6, 7, 5], 32)}
    data = prepared(folder / "data", **sets)
    rows = np.arange(18)
    support = np.array([[[0, 1], [6, 7], [13, 14]], [[15, 16], [5, 4], [9, 8]]])
    query = np.array([[[2, 3], [8, 9], [15, 16]], [[13, 17], [2, 1], [11, 12]]])
    assert set(support.ravel()) | set(query.ravel()) <= set(rows)
    Episodes(support, query).save(data.folder / "validation.npz")
    return ours, data, sets, (support, query)


def plain_task(pixels, support, query) -> Task:
    """One stored episode with its rows as classes."""
    parts = []
    for rows in (support, query):
        flat = [(int(row), label) for label, some in enumerate(rows) for row in some]
        parts.append(Batch(pixels[[r for r, _ in flat]], torch.tensor([c for _, c in flat])))
    return Task([parts[0]], parts[1])


@pytest.mark.parametrize("name", WAYS)
def test_theta_is_that_of_plain_torch(name, tmp_path):
    way = WAYS[name]
    ours, data, sets, validation = project(tmp_path, way)
    with float64():
        learner = train.learner(ours, data, CPU)
        start = {n: p.clone() for n, p in learner.theta.items()}
        batches = [learner.sample(i) for i in range(ITERATIONS)]
        progress = trained(learner, ours, train.KEEP)
        judged = learner.validate()
    network = partial(conv4, norm=NORMS[way.norm])
    plain = Plain(way.algorithm, network, cross_entropy, way.rate, way.momentum)
    descent = Descent(**way.outer, iterations=ITERATIONS)
    thetas = oracle.train(plain, start, batches, way.gradient, descent)
    assert "some clipped" not in name or 0 < descent.clips < ITERATIONS
    assert_same(learner.theta, thetas[-1], rtol=0, atol=1e-12)

    pixels = seen(sets["val"], data.info)
    tasks = [plain_task(pixels, *episode) for episode in zip(*validation, strict=True)]

    def score(theta):
        each = [oracle.accuracy(plain, theta, task, ours.horizon) for task in tasks]
        return sum(each) / len(each)

    last = [oracle.accuracy(plain, thetas[-1], task, ours.horizon) for task in tasks]
    mean, half = sum(last) / 2, stats.t.ppf(0.975, 1) * abs(last[0] - last[1]) / 2
    assert judged["validation/score"] == pytest.approx(mean)
    if half:  # else it is Wilson's
        low, high = max(mean - half, 0.0), min(mean + half, 1.0)
        assert (judged["validation/low"], judged["validation/high"]) == pytest.approx((low, high))
    assert judged["validation/at_chance"] == (judged["validation/low"] <= 1 / WAY)

    iteration, value, theta = oracle.best(thetas, EVERY, score)
    assert (progress.best_iteration, progress.best_score) == (iteration, pytest.approx(value))
    assert_same(progress.best_theta, theta, rtol=0, atol=1e-12)
