"""A classifier judged from params.yaml on, against a loop over the test images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lazyleap.longtail import evaluate
from lazyleap.longtail.profile import LongTail
from tests.cases import generator
from tests.handmade import CPU, float64, images, prepared, seen, setting
from tests.oracles.networks import conv4, running_norm

COUNTS = (4, 30, 12)  # of training images: the second class is the largest


def classifier(pixels, width: int = 4, classes: int = 3):
    """Parameters and running statistics, such that no class is far ahead of the others."""
    draw = generator(0)
    theta = {"head.weight": draw(classes, 4 * width), "head.bias": draw(classes)}
    for i in (1, 2, 3, 4):
        name = f"body.block{i}"
        theta |= {f"{name}.conv.weight": draw(width, 1 if i == 1 else width, 3, 3)}
        theta |= {f"{name}.{part}": draw(width) for part in ("conv.bias", "norm.bias")}
        theta |= {f"{name}.norm.weight": 1 + 0.3 * draw(width)}
        theta |= {f"{name}.norm.running_mean": draw(width)}
        theta |= {f"{name}.norm.running_var": 1 + draw(width) ** 2}
        theta |= {f"{name}.norm.num_batches_tracked": torch.tensor(7)}
    ahead = conv4(theta, pixels, running_norm).mean(0)
    return theta | {"head.bias": theta["head.bias"] - ahead}


def change(params):
    task = params["tasks"]["glyphs-lt"]
    task["model"].update(backbone="conv4", width=4, norm="batch", downsample="stride")
    task["test"].update(many=20, few=10, bins=5)


RUN = {"algorithm": "cross_entropy", "estimator": "none", "horizon": 1}


def test_classes_of_one_size_stand_in_their_own_order(tmp_path):
    ours = setting(tmp_path, "glyphs-lt", RUN, change)
    test = images(6, [1] * 4, 32)
    data = prepared(tmp_path / "data", test=test)
    tail = LongTail(np.arange(84), np.arange(84, 88), np.array([12, 12, 30, 30]), np.arange(84))
    tail.save(data.folder / "longtail.npz")
    with float64():
        plain = classifier(seen(test, data.info), classes=4)
        theta = {f"classifier/{n}": p for n, p in plain.items()}
        curve = evaluate.judge(ours, theta, data, CPU).curve
    assert [row[-1] for row in curve[1:]] == ["c", "d", "a", "b"]


def test_errors_recall_and_confusion_are_those_of_a_loop(tmp_path):
    ours = setting(tmp_path, "glyphs-lt", RUN, change)
    test = images(6, [14, 9, 11], 32)
    data = prepared(tmp_path / "data", test=test)
    tail = LongTail(np.arange(46), np.arange(46, 52), np.array(COUNTS), np.arange(46))
    tail.save(data.folder / "longtail.npz")
    pixels = seen(test, data.info)
    plain = classifier(pixels)
    theta = {f"classifier/{n}": p for n, p in plain.items()} | {"weighting/x": torch.ones(1)}
    with float64():
        found = evaluate.judge(ours, theta, data, CPU).metrics
        curve = evaluate.judge(ours, theta, data, CPU).curve

    answers = conv4(plain, pixels, running_norm).argmax(1).tolist()
    table = [[0] * 3 for _ in range(3)]
    for label, answer in zip(test.labels.tolist(), answers, strict=True):
        table[label][answer] += 1
    assert found["confusion"] == table
    recall = [table[c][c] / sum(table[c]) for c in range(3)]
    assert len(set(recall)) == 3
    assert [score["value"] for score in found["recall"]] == pytest.approx(recall)
    metrics = {name: score["value"] for name, score in found["metrics"].items()}
    assert metrics["error"] == pytest.approx(1 - sum(table[c][c] for c in range(3)) / 34)
    assert metrics["balanced_error"] == pytest.approx(1 - sum(recall) / 3)
    for name, c in (("few", 0), ("many", 1), ("medium", 2)):
        assert metrics[f"error@{name}"] == pytest.approx(1 - recall[c])
    assert found["train_digest"] == tail.digest
    places = [(row[1], row[-2], row[-1]) for row in curve[1:]]  # the largest class first
    assert places == [(pytest.approx(recall[c]), COUNTS[c], "abc"[c]) for c in (1, 2, 0)]
