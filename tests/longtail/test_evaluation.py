"""Errors, groups, recall, confusion and calibration, against numbers worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torchmetrics.functional.classification import multiclass_calibration_error

from lazyleap.bilevel import Batch
from lazyleap.longtail.measures import calibration_error, groups, measure, softmax
from lazyleap.longtail.options import LongTailTest
from lazyleap.longtail.train import preview

COUNTS = np.array([200, 101, 100, 20, 19])  # many, many, medium, medium, few
#        true class and answer of ten images
LABELS = np.array([0, 0, 0, 1, 1, 2, 2, 3, 4, 4])
ANSWERS = np.array([0, 0, 1, 1, 1, 2, 3, 0, 4, 0])


@pytest.fixture
def found():
    return measure(5.0 * np.eye(5)[ANSWERS], LABELS, COUNTS, many=100, few=20, bins=10)[1]


def test_errors_by_hand(found):
    values = {name: (m["value"], m["n"]) for name, m in found["metrics"].items()}
    assert values == {
        "error": (pytest.approx(4 / 10), 10),
        "error@many": (pytest.approx(1 / 5), 5),
        "error@medium": (pytest.approx(2 / 3), 3),
        "error@few": (pytest.approx(1 / 2), 2),
        "balanced_error": (pytest.approx((1 / 3 + 0 + 1 / 2 + 1 + 1 / 2) / 5), 10),
        "balanced_error@many": (pytest.approx((1 / 3 + 0) / 2), 5),
        "balanced_error@medium": (pytest.approx((1 / 2 + 1) / 2), 3),
        "balanced_error@few": (pytest.approx(1 / 2), 2),
    }
    assert found["primary"] == "balanced_error"


def test_a_class_without_an_image_has_no_share_of_the_balanced_error():
    """Two classes of which one is always right and one is right in one image of four."""
    labels, answers = np.array([0, 0, 2, 2, 2, 2]), np.array([0, 0, 2, 0, 0, 1])
    items, found = measure(5.0 * np.eye(3)[answers], labels, COUNTS[:3], many=9, few=5, bins=10)
    assert found["metrics"]["balanced_error"]["value"] == pytest.approx((0 + 3 / 4) / 2)
    assert items.values["balanced_error"].mean() == pytest.approx((0 + 3 / 4) / 2)


@pytest.mark.parametrize("few", [7, 8, 9])
def test_a_class_is_not_many_and_few_at_once(few):
    words = {"many": 8, "few": few, "bins": 5}
    if few <= 8:
        assert LongTailTest(**words).few == few
        return
    with pytest.raises(ValidationError, match=r"test\.few 9 is above test\.many 8"):
        LongTailTest(**words)


def test_no_more_than_sixteen_images_are_previewed():
    """Of eighteen the two of the largest class are left out."""
    labels = torch.tensor([0, 0] + [1] * 16)
    batch = Batch(torch.arange(18.0)[:, None, None, None], labels)
    rows = SimpleNamespace(labels=np.array([0] * 9 + [1] * 5), rows=np.arange(14))
    seen = (batch, torch.full((18,), 1 / 18))
    learner = SimpleNamespace(seen=seen, stream=SimpleNamespace(examples=rows))
    (shown,) = preview(learner).values()
    assert shown.images.flatten().tolist() == list(range(2, 18))


def test_recall_and_confusion_by_hand(found):
    assert [m["value"] for m in found["recall"]] == pytest.approx([2 / 3, 1, 1 / 2, 0, 1 / 2])
    assert found["confusion"] == [
        [2, 1, 0, 0, 0],
        [0, 2, 0, 0, 0],
        [0, 0, 1, 1, 0],
        [1, 0, 0, 0, 0],
        [1, 0, 0, 0, 1],
    ]


def test_calibration_by_hand(found):
    confidence = np.exp(5) / (np.exp(5) + 4)  # of every image, six of ten right
    assert found["calibration_error"] == pytest.approx(confidence - 0.6)


def test_the_surest_bins_are_not_taken_together():
    """0.85 sure and right, 0.95 sure and wrong; of one bin it would be (0.95 - 0.15) / 2."""
    shares, labels = np.array([[0.85, 0.15], [0.95, 0.05]]), np.array([0, 1])
    assert calibration_error(shares, labels, 10) == pytest.approx((0.95 + 0.15) / 2)


def test_nor_are_the_least_sure():
    """0.08 sure and right, 0.15 sure and wrong; of one bin it would be (0.92 - 0.15) / 2."""
    shares = np.full((2, 20), [[0.92 / 19], [0.85 / 19]])
    shares[:, 0] = 0.08, 0.15
    found = calibration_error(shares, np.array([0, 1]), 10)
    assert found == pytest.approx((0.92 + 0.15) / 2)


def test_a_group_without_a_class_is_left_out():
    logits = np.eye(2)[[0, 1, 1]]
    labels, counts = np.array([0, 1, 0]), np.array([50, 30])
    _, found = measure(logits, labels, counts, many=100, few=20, bins=15)
    names = {"error", "error@medium"}
    assert set(found["metrics"]) == names | {f"balanced_{name}" for name in names}


@pytest.mark.parametrize("answer", [0, 3])
def test_a_constant_answer_is_chance_whatever_the_test_set(answer):
    """Folders of 40, 12, 4 and 1 images: 17 wrong of 57 would read 29.8 %."""
    labels = np.repeat(np.arange(4), [40, 12, 4, 1])
    logits = np.tile(np.eye(5)[answer], (57, 1))  # a fifth class has no test image
    _, found = measure(logits, labels, COUNTS, many=100, few=20, bins=15)
    assert found["primary"] == "balanced_error"
    balanced, error = (found["metrics"][name] for name in ("balanced_error", "error"))
    assert (balanced["value"], balanced["chance"], balanced["at_chance"]) == (0.75, 0.75, True)
    assert error["chance"] == pytest.approx(17 / 57)
    assert error["at_chance"]
    if answer == 0:
        assert error["value"] == pytest.approx(0.298, abs=5e-4)


def test_of_a_balanced_test_set_both_errors_are_one_and_above_chance():
    labels = np.repeat(np.arange(5), 30)
    answers = np.where(np.arange(150) % 3 == 0, (labels + 1) % 5, labels)
    _, found = measure(np.eye(5)[answers], labels, COUNTS, many=100, few=20, bins=15)
    balanced, error = (found["metrics"][name] for name in ("balanced_error", "error"))
    assert found["primary"] == "error"
    assert balanced["value"] == pytest.approx(error["value"]) == pytest.approx(1 / 3)
    assert not balanced["at_chance"]
    assert not error["at_chance"]


def test_the_metrics_are_means_of_the_items():
    items, found = measure(np.eye(5)[ANSWERS], LABELS, COUNTS, many=100, few=20, bins=10)
    for name, values in items.values.items():
        assert values.mean() == pytest.approx(found["metrics"][name]["value"])
    assert items.about["prediction"].tolist() == ANSWERS.tolist()
    assert items.strata.tolist() == LABELS.tolist()


def test_the_thresholds_belong_to_the_middle():
    assert groups(COUNTS, 100, 20).tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("scale", [0.3, 2.0, 20.0])
def test_calibration_is_torchmetrics(bins, scale):
    chance = np.random.default_rng(bins)
    logits = scale * chance.standard_normal((500, 7))
    labels = np.where(chance.random(500) < 0.6, logits.argmax(1), chance.integers(0, 7, 500))
    shares = softmax(logits)
    expected = multiclass_calibration_error(
        torch.from_numpy(shares), torch.from_numpy(labels), num_classes=7, n_bins=bins, norm="l1"
    )
    assert calibration_error(shares, labels, bins) == pytest.approx(float(expected), abs=1e-6)


def test_softmax_of_large_logits_is_finite():
    found = softmax(np.array([[1e4, 0.0], [-1e4, -1e4]], np.float32))
    np.testing.assert_allclose(found, [[1, 0], [0.5, 0.5]])
