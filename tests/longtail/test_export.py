"""The exported classifier: what it answers alone, in batches, and what it says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from lazyleap.longtail.network import network, tree
from lazyleap.settings import load, resolve
from tests.longtail.project import CLASSES, RUNS, TASK
from tests.onnx import facts

ALL = (*RUNS, "ldam")


def session(folder: Path, run: str) -> onnxruntime.InferenceSession:
    path = folder / f"artifacts/export/quick/{run}/model.onnx"
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_images(folder: Path) -> np.ndarray:
    (path,) = folder.glob(f"data/prepare/quick/{TASK}/test/**/test_images.npy")
    return np.load(path).astype(np.float32) / np.float32(255)


test_images.__test__ = False


def in_torch(folder: Path, run: str, images: np.ndarray) -> np.ndarray:
    """The trained network itself, in evaluation mode, on images normalised by hand."""
    setting = resolve(load(folder / "params.yaml"), run)
    trained = folder / "artifacts/train/quick" / run
    about = json.loads((trained / "setting.json").read_text())
    mean, std = about["normalisation"]["mean"][0], about["normalisation"]["std"][0]
    net = network(setting, len(CLASSES), about["image"], running=True).eval()
    net.load_state_dict(tree(load_file(trained / "theta.safetensors")))
    with torch.no_grad():
        return net((torch.from_numpy(images) - mean) / std).numpy()


@pytest.mark.parametrize("run", ALL)
def test_it_answers_as_the_classifier_does_each_image_by_itself(exported, run):
    model, images = session(exported, run), test_images(exported)
    expected = in_torch(exported, run, images)
    logits, probabilities = model.run(["logits", "probabilities"], {"images": images})
    np.testing.assert_allclose(logits, expected, atol=1e-4 * max(1, np.abs(expected).max()))
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(1), logits.argmax(1))
    alone = np.concatenate([model.run(["logits"], {"images": one[None]})[0] for one in images[:5]])
    np.testing.assert_allclose(alone, logits[:5], atol=1e-4 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("run", ALL)
def test_the_file_has_the_error_that_its_card_says(exported, run):
    (labels,) = exported.glob(f"data/prepare/quick/{TASK}/test/**/test_labels.npy")
    found = session(exported, run).run(["logits"], {"images": test_images(exported)})[0].argmax(1)
    error = 100 * float((found != np.load(labels)).mean())
    folder = exported / "artifacts/export/quick" / run
    card = (folder / "model_card.md").read_text()
    assert f"| all images | {error:.1f} (" in card
    for words in ("more than 15 training images", "classes between", "fewer than 5 training"):
        assert words in card
    checks = json.loads((folder / "parity.json").read_text())
    assert checks["ok"]
    assert [c["runtime"].split()[0] for c in checks["checks"]] == [
        *["onnx"] * 2,
        *["onnxruntime"] * 2,
    ]
    assert checks["checks"][0]["max_abs_diff"] < 1e-12


def test_all_that_the_file_says_of_itself_is_true(exported):
    path = exported / "artifacts/export/quick/ldam/model.onnx"
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert facts.said(path) == facts.common(exported, "ldam") | {
        "classes": "4",
        "class_names": json.dumps(list(CLASSES)),
        "train_images": "[30, 13, 6, 3]",
        "imbalance": "10",
        "many": "15",
        "few": "5",
        "pixels": "0..1",
        "normalisation": facts.normalisation(exported, TASK),  # the answers above are of it
    }
    assert b"/site-packages/" not in path.read_bytes()
    assert not any(node.op_type == "BatchNormalization" and len(node.output) > 1
                   for node in model.graph.node)  # fmt: skip


def test_a_run_with_an_inner_rate_says_it(exported):
    run = "lt-reweight-lazy-k5"
    said = facts.said(exported / f"artifacts/export/quick/{run}/model.onnx")
    more = {"classes", "class_names", "train_images", "imbalance", "many", "few", "pixels"}
    assert said.keys() - facts.common(exported, run) == more | {"normalisation", "inner_lr"}
    assert said["inner_lr"] == "0.1"
