"""Twenty training steps of every weighting, from params.yaml on, against plain torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from lazyleap.longtail import train as stage
from lazyleap.longtail.network import network
from lazyleap.longtail.profile import LongTail
from tests.handmade import CPU, float64, images, prepared, seen, setting, trained
from tests.oracles import weighting as oracle
from tests.oracles.outer import Descent
from tests.reference import assert_same

ITERATIONS, BATCH, COUNTS = 20, 6, (20, 8, 4)  # an epoch is five mini-batches
MEAN_DECAY, ALPHA = 0.8, 0.2
SGD = {
    "lr": 0.1,
    "momentum": 0.9,
    "weight_decay": 0.01,
    "warmup": 0.2,
    "milestones": [0.5, 0.75],
    "decay": 0.3,
}
ADAM = {"optimizer": "adam", "lr": 0.02, "schedule": "cosine", "clip_norm": 0.02}


@dataclass(frozen=True)
class Way:
    """A setting, and the same written for the oracle."""

    run: dict[str, Any]
    method: Any
    options: dict[str, Any] = field(default_factory=dict)


def rule(algorithm: str, method: oracle.Rule, **options: Any) -> Way:
    return Way({"algorithm": algorithm, "estimator": "none", "horizon": 1}, method, options)


def ahead(algorithm: str, horizon: int, placement: str | None, order: str, *steps: int) -> Way:
    run = {"algorithm": algorithm, "estimator": "lazy", "placement": placement}
    if placement is None:
        run = {"algorithm": algorithm, "estimator": "exact"}
    run |= {"horizon": horizon, "weighted_step": order}
    common = (ALPHA, horizon, order == "first", steps)
    if algorithm == "reweight":
        return Way(run, oracle.Reweight(*common), {"inner_lr": ALPHA})
    net = oracle.WeightNet(*common, Descent(**ADAM, iterations=ITERATIONS))
    return Way(run, net, {"inner_lr": ALPHA, "hidden": 7, "outer": ADAM})


BETA = 0.9
BALANCED = [(1 - BETA) / (1 - BETA**n) for n in COUNTS]
MARGINS = [8 * 0.4 * (4 / n) ** 0.25 for n in COUNTS]
WAYS = {
    "cross-entropy": rule("cross_entropy", oracle.Rule((1, 1, 1))),
    "class-balanced": rule("class_balanced", oracle.Rule(BALANCED), beta=BETA),
    "ldam": rule(
        "ldam_drw",
        oracle.Rule(BALANCED, 0.6 * ITERATIONS, MARGINS, 8),
        beta=BETA,
        margin=0.4,
        scale=8.0,
        deferred=0.6,
    ),
    "reweight": ahead("reweight", 1, None, "last", 0),
    "reweight, lazy, last": ahead("reweight", 3, "end", "last", 2),
    "reweight, lazy, first": ahead("reweight", 3, "end", "first", 0, 2),
    "reweight, exact": ahead("reweight", 3, None, "first", 0, 1, 2),
    "weight-net": ahead("weight_net", 1, None, "last", 0),
    "weight-net, lazy, last": ahead("weight_net", 3, "start", "last", 0, 2),
    "weight-net, lazy, first": ahead("weight_net", 3, "start", "first", 0),
    "weight-net, exact": ahead("weight_net", 3, None, "last", 0, 1, 2),
}


def project(folder, way: Way):
    """The setting and its prepared images; the meta set is so small that all of it is taken."""

    def change(params):
        task = params["tasks"]["glyphs-lt"]
        task["model"].update(backbone="conv4", width=4, norm="batch", downsample="stride")
        task["training"].update(batch=BATCH, meta_batch=99, meta_iterations=ITERATIONS, **SGD)
        task["training"].update(augment={"flip": False, "pad": 0}, start=None)
        options = params["algorithms"][way.run["algorithm"]]
        options.update(mean_decay=MEAN_DECAY, **way.options)

    ours = setting(folder, "glyphs-lt", way.run, change)
    train = images(1, [n + 2 for n in COUNTS], 32)
    data = prepared(folder / "data", train=train)
    meta = np.flatnonzero(np.diff(train.labels, prepend=-1, append=-1)[:-1])
    meta = np.sort(np.concatenate([meta, meta + 1]))
    kept = np.setdiff1d(np.arange(len(train.labels)), meta)
    LongTail(kept, meta, np.array(COUNTS), meta).save(data.folder / "longtail.npz")
    batch = seen(train, data.info)[meta], torch.from_numpy(train.labels[meta])
    return ours, data, batch


def test_a_classifier_starts_where_its_seed_says_and_the_rarest_classes_are_shown(tmp_path):
    """The seed is PCG64 of sha256("SEED/network"); of five classes the rarest three are shown."""
    ours, _, _ = project(tmp_path, WAYS["cross-entropy"])
    train = images(1, [6, 3, 5, 4, 7], 32)
    data = prepared(tmp_path / "five", train=train)
    rows = np.arange(len(train.labels))
    LongTail(rows, rows[::4], np.array([6, 3, 5, 4, 7]), rows).save(data.folder / "longtail.npz")
    learner = stage.learner(ours, data, CPU)
    ((_, cells),) = stage.pictures(learner).items()
    rarest = [np.flatnonzero(train.labels == c)[:3] for c in (1, 3, 2)]
    expected = torch.stack([seen(train, data.info)[rows].float() for rows in rarest])
    torch.testing.assert_close(cells, expected)

    key = int.from_bytes(hashlib.sha256(b"3/network").digest(), "little")
    torch.manual_seed(int(np.random.Generator(np.random.PCG64(key)).integers(2**62)))
    fresh = network(ours, 5, data.info, running=True)
    assert_same(learner.classifier.parameters, dict(fresh.named_parameters()), rtol=0, atol=0)


def test_validation_looks_at_the_images_held_out_for_it(tmp_path):
    ours, _, _ = project(tmp_path, WAYS["cross-entropy"])
    train = images(1, [6, 3, 5, 4, 7], 32)
    data = prepared(tmp_path / "five", train=train)
    rows, held = np.arange(len(train.labels)), np.array([1, 4, 8, 9, 17, 23])
    LongTail(rows, rows[::4], np.array([6, 3, 5, 4, 7]), held).save(data.folder / "longtail.npz")
    learner = stage.learner(ours, data, CPU)
    with torch.no_grad(), float64():
        plain = network(ours, 5, data.info, running=True).double().eval()
        plain.load_state_dict(learner.classifier.tree)
        found = plain(seen(train, data.info)[held]).argmax(1).numpy()
    hits = found == train.labels[held]
    assert learner.validate()["validation/score"] == hits.mean() > 0


def parted(theta):
    """The classifier's parameters and statistics, and what weighs."""
    whole = {n.removeprefix("classifier/"): p for n, p in theta.items() if n[:1] == "c"}
    other = {n.removeprefix("weighting/"): p for n, p in theta.items() if n[:1] == "w"}
    buffers = {n: p for n, p in whole.items() if "running" in n or "tracked" in n}
    return {n: p for n, p in whole.items() if n not in buffers}, buffers, other


@pytest.mark.parametrize("name", WAYS)
def test_the_classifier_is_that_of_plain_torch(name, tmp_path):
    way = WAYS[name]
    ours, data, meta = project(tmp_path, way)
    with float64():
        learner = stage.learner(ours, data, CPU)
        parameters, buffers, other = parted(learner.theta)
        ((_, cells),) = stage.pictures(learner).items()
        progress = trained(learner, ours, stage.KEEP)
        batches = [tuple(learner.stream[i]) for i in range(ITERATIONS + ours.horizon)]
    net = {} if "class_means" in other else other
    state = oracle.start(parameters, buffers, len(COUNTS), net)
    sgd = oracle.Sgd(**SGD | {"milestones": tuple(SGD["milestones"])}, iterations=ITERATIONS)
    state = oracle.train(state, way.method, sgd, oracle.Data(batches, meta), MEAN_DECAY)
    expected = {f"classifier/{n}": p for n, p in state.classifier().items()}
    weighting = {"class_means": state.means} if "class_means" in other else state.net
    expected |= {f"weighting/{n}": p for n, p in weighting.items()}
    assert_same(learner.theta, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(learner.means.values, state.means, rtol=0, atol=1e-12)
    assert_same(progress.best_theta, expected, rtol=0, atol=1e-12)
    assert progress.best_score == pytest.approx(oracle.accuracy(state, meta))
    train = data.split("train")
    rarest = [np.flatnonzero(train.labels == c)[2:6] for c in (2, 1, 0)]  # two are meta images
    expected = torch.stack([seen(train, data.info)[rows] for rows in rarest])
    torch.testing.assert_close(cells, expected)
