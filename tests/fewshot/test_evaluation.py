"""Accuracy after s steps: by hand, by a plain loop, and as a setting is judged."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from lazyleap import ANIL, MAML, Batch, MetaSGD, Task
from lazyleap.algorithms import SGD
from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import ImageSet
from lazyleap.fewshot import evaluate
from lazyleap.fewshot.episodes import Episodes, Sampler
from lazyleap.fewshot.measures import accuracies
from tests.cases import generator
from tests.handmade import CPU, float64, images, prepared, seen, setting
from tests.oracles.episodes import accuracy
from tests.oracles.networks import conv4, cross_entropy, group_norm
from tests.reference import Plain

STEPS = (0, 1, 2, 5)
DARK, LIGHT = (0, 1, 2), (3, 4, 5)  # what the network sees as -1 and as 1


def shades() -> Pixels:
    pixels = np.array([0, 0, 0, 255, 255, 255], np.uint8)[:, None, None, None]
    labels = np.zeros(6, np.int64)
    return Pixels(ImageSet(pixels, labels, ("any",)), [0.5], [0.5], CPU)


def slope(p, images):
    """Logits 0 and w x."""
    x = images.flatten(1)[:, 0]
    return torch.stack([0 * x, p["w"] * x], 1)


# A step of rate 1 on a dark image of class 0 and a light one of class 1 is w + sigmoid(-w): from
# -1 to -.27, .30, .72, ... So the answers turn round between one step and two. (On the queries
# they would not: -1, -.52, -.14.) In the second episode the support set says what w says already.
EPISODES = Episodes(
    support=np.array([[[0], [3]], [[4], [1]]]),
    query=np.array([[[1, 2], [4, 0]], [[3, 5], [0, 5]]]),
)
BY_HAND = {0: [1 / 4, 3 / 4], 1: [1 / 4, 3 / 4], 2: [3 / 4, 3 / 4], 5: [3 / 4, 3 / 4]}


@pytest.mark.parametrize("steps", [(0,), (1,), (2,), STEPS, (5, 0, 2, 1, 2)], ids=str)
def test_answers_turn_after_exactly_two_steps(steps):
    theta = {"w": torch.tensor(-1.0)}
    found = accuracies(MAML(slope, 1.0), theta, shades(), EPISODES, steps)
    assert {s: v.tolist() for s, v in found.items()} == {s: BY_HAND[s] for s in set(steps)}
    assert theta["w"] == -1


def network(p, x):
    hidden = torch.tanh(x.flatten(1) @ p["body.weight"])
    return hidden @ p["head.weight"] + p["head.bias"]


PROBLEMS = {
    "maml": MAML(network, 0.5),
    "momentum": MAML(network, 0.2, optimizer=SGD(0.7)),
    "meta_sgd": MetaSGD(network, 0.5),
    "anil": ANIL(network, 0.9),
}


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("chunk", [2, 50])
def test_every_episode_is_that_of_a_plain_loop(name, chunk):
    problem, draw = PROBLEMS[name], generator(3)
    theta = {"body.weight": draw(16, 5), "head.weight": draw(5, 3), "head.bias": draw(3)}
    if name == "meta_sgd":
        rates = {f"rate/{n}": 0.3 + 0.2 * draw(*p.shape) for n, p in theta.items()}
        theta = {f"init/{n}": p for n, p in theta.items()} | rates
    source = images(5, [12, 12, 12, 12], side=4)
    episodes = Sampler(source, 3, 2, 4).draw(5, np.random.default_rng(0))
    plain = Plain(
        "maml" if name == "momentum" else name,
        network,
        cross_entropy,
        problem.inner_lr,
        problem.optimizer.momentum,
    )
    with float64():
        pixels = Pixels(source, [0.5], [0.2], CPU)
        found = accuracies(problem, theta, pixels, episodes, STEPS, chunk=chunk)
    for s in STEPS:
        expected = [accuracy(plain, theta, task, s) for task in tasks(source, episodes)]
        assert found[s].tolist() == pytest.approx(expected)
    assert len({tuple(values) for values in found.values()}) == len(STEPS)


def tasks(source: ImageSet, episodes: Episodes, mean: float = 0.5, std: float = 0.2):
    """The same episodes, put together by a loop."""
    pixels = seen(source, {"mean": [mean], "std": [std]})
    for rows in zip(episodes.support, episodes.query, strict=True):
        parts = [
            Batch(
                torch.stack([pixels[i] for row in part for i in row]),
                torch.tensor([label for label, row in enumerate(part) for _ in row]),
            )
            for part in rows
        ]
        yield Task([parts[0]], parts[1])


def test_a_setting_is_judged_on_the_stored_episodes(tmp_path):
    """From params.yaml on: every reported step, and a curve over the first episodes."""

    def change(params):
        task = params["tasks"]["glyphs"]
        task["draw"].update(way=3, shot=2, query=3)
        task["training"]["way"] = 3
        task["model"].update(width=4, norm="group", downsample="stride")
        task["test"].update(steps=[0, 1, 2, 5], curve_episodes=4, curve_steps=3)
        params["algorithms"]["maml"].update(inner_lr=0.4, momentum=0.5)

    run = {"algorithm": "maml", "estimator": "exact", "horizon": 3}
    ours = setting(tmp_path, "glyphs", run, change)
    test, val = (images(seed, [8, 8, 8, 8], 32) for seed in (4, 5))
    data = prepared(tmp_path / "test/images", test=test)
    episodes = Sampler(test, 3, 2, 3).draw(6, np.random.default_rng(0))
    episodes.save(data.folder / "episodes.npz")
    past = Sampler(val, 3, 2, 3).draw(4, np.random.default_rng(1))
    past.save(prepared(tmp_path / "train/images", val=val).folder / "validation.npz")
    plain = Plain("maml", lambda p, x: conv4(p, x, group_norm), cross_entropy, 0.4, 0.5)
    with float64():
        theta = start(ours, data)
        found = evaluate.judge(ours, theta, data, CPU)
    those = list(tasks(test, episodes, 0.4, 0.3))
    expected = {s: [accuracy(plain, theta, one, s) for one in those] for s in range(6)}
    scores = {name: score["value"] for name, score in found.metrics["metrics"].items()}
    means = {f"accuracy@{s}": np.mean(expected[s]) for s in (0, 1, 2, 3, 5)}
    assert {name: scores[name] for name in means} == pytest.approx(means)
    before = list(tasks(val, past, 0.4, 0.3))
    validated = {s: np.mean([accuracy(plain, theta, one, s) for one in before]) for s in STEPS}
    assert {n: s["value"] for n, s in found.metrics["validation"].items()} == pytest.approx(
        {f"accuracy@{s}": value for s, value in validated.items()}
    )
    assert found.metrics["step"] == max(STEPS, key=lambda s: validated[s])
    assert scores["accuracy"] == scores[f"accuracy@{found.metrics['step']}"]
    assert (found.metrics["primary"], found.metrics["own"]) == ("accuracy", "accuracy@3")
    assert found.items.values["accuracy@2"].tolist() == pytest.approx(expected[2])
    labels = np.array(test.labels)
    assert [[set(labels[row]) for row in one] for one in episodes.support] == [
        [{c} for c in one] for one in found.items.clusters.tolist()
    ]
    assert found.metrics["test_digest"] == episodes.digest
    assert (found.metrics["way"], found.metrics["shot"]) == (3, 2)
    curve = [(row[0], row[1]) for row in found.curve[1:]]
    assert curve == [(s, pytest.approx(np.mean(expected[s][:4]))) for s in range(4)]
    assert [row[2:4] for row in found.curve[1:]] == [within(expected[s][:4]) for s in range(4)]


def within(values):
    """Student's interval about the mean, cut at 0 and 1; of equal values Wilson's."""
    n, mean = len(values), np.mean(values)
    if np.ptp(values):
        half = stats.t.ppf(0.975, n - 1) * stats.sem(values)
        return pytest.approx((max(mean - half, 0), min(mean + half, 1)))
    z = stats.norm.ppf(0.975)
    half = z * np.sqrt(mean * (1 - mean) / n + z**2 / (4 * n**2))
    ends = ((mean + z**2 / (2 * n) + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    return pytest.approx(tuple(ends))


def start(ours, data):
    """Any parameters of the setting's network; learned rates are not at hand here."""
    draw, width = generator(8), ours.task.model.width
    shapes = {"head.weight": (3, width * 4), "head.bias": (3,)}
    for i in (1, 2, 3, 4):
        shapes[f"body.block{i}.conv.weight"] = (width, 1 if i == 1 else width, 3, 3)
        for part in ("conv.bias", "norm.weight", "norm.bias"):
            shapes[f"body.block{i}.{part}"] = (width,)
    return {n: 0.4 * draw(*shape) + ("norm.weight" in n) for n, shape in shapes.items()}
