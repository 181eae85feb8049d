"""The user's own ONNX classifier as a target, on the user's own images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from lazyleap.classifiers import store
from lazyleap.errors import InputError
from stages import evaluate, prepare, target, train
from tests.attack.stages.project import TARGETS, TASK, ZOO
from tests.conftest import edit
from tests.stages.test_train import stage

CLASSES, SIDE = 4, 16


def model(path: Path, *, shape=("n", 1, SIDE, SIDE), outputs=CLASSES, last="logits", scale=1.0):
    """Template matching: brightness of each quarter of the image; ``last``: how it ends."""
    weights = np.zeros((SIDE, SIDE, outputs), np.float32)
    for c in range(outputs):
        weights[c % 4 * 4 : c % 4 * 4 + 4, :, c] = scale
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
    ]
    if last == "probabilities":
        nodes.append(helper.make_node("Softmax", ["scores"], ["out"]))
    elif last == "nan":
        nodes += [
            helper.make_node("Sub", ["scores", "scores"], ["zero"]),
            helper.make_node("Div", ["zero", "zero"], ["out"]),
        ]
    else:
        nodes.append(helper.make_node("Identity", ["scores"], ["out"]))
    flat = weights.reshape(-1, outputs)
    if shape[1:] != (1, SIDE, SIDE):
        flat = np.zeros((int(np.prod(shape[1:])), outputs), np.float32)
    graph = helper.make_graph(
        nodes,
        "mine",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [shape[0], outputs])],
        [numpy_helper.from_array(flat, "weights")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(made, path)


def own(params, **changes):
    item = {
        "kind": "onnx", "task": TASK, "source": "mine.onnx", "input": "pixels", "mean": [0.5],
        "std": [0.25], "outputs": "logits", "classes": CLASSES,
    }  # fmt: skip
    params["targets"] = {"mine": {**item, **changes}}


@pytest.fixture
def siege(ready, tmp_path, monkeypatch):
    folder = shutil.copytree(ready, tmp_path / "siege")
    monkeypatch.chdir(folder)
    shutil.rmtree(folder / f"data/prepare/quick/{TASK}/test/targets")
    return folder


@pytest.mark.parametrize("last", ["logits", "probabilities"])
@pytest.mark.parametrize("batch", ["n", 1], ids=["any batch", "one by one"])
def test_it_is_attacked_as_any_other(siege, last, batch):
    model(Path("mine.onnx"), last=last, shape=(batch, 1, SIDE, SIDE))
    edit(Path("params.yaml"), lambda p: own(p, outputs=last))
    target.main("mine")
    train.main(ZOO)
    evaluate.main(ZOO)
    found = json.loads(Path(f"artifacts/evaluate/quick/{ZOO}/metrics.json").read_text())
    assert "success@mine" in found["metrics"]
    assert found["targets"]["mine"]["kind"] == "onnx"


def test_the_normalisation_said_is_the_one_applied(siege):
    model(Path("mine.onnx"))
    edit(Path("params.yaml"), lambda p: own(p))
    target.main("mine")
    import torch

    folder = Path(f"data/prepare/quick/{TASK}/test/targets/mine")
    scorer = store.load_scorer(folder, torch.device("cpu"))
    images = torch.rand(3, 1, SIDE, SIDE)
    quarters = ((images - 0.5) / 0.25).view(3, 4, 4 * SIDE).sum(2)
    torch.testing.assert_close(scorer(images), quarters, rtol=1e-4, atol=1e-3)


BROKEN = {
    "missing": (None, {}, r"mine\.onnx: there is no such file"),
    "not an ONNX": (lambda p: p.write_text("no"), {}, r"is not a usable ONNX model"),
    "input's name": (model, {"input": "pixel"}, r"has no input 'pixel'; did you mean 'pixels'"),
    "input's shape": (
        lambda p: model(p, shape=("n", 3, 8, 8)),
        {},
        r"input 'pixels' has shape \[n, 3, 8, 8\], the images are \[n, 1, 16, 16\]",
    ),
    "fixed batch": (
        lambda p: model(p, shape=(8, 1, SIDE, SIDE)),
        {},
        r"has shape \[8, 1, 16, 16\], the images are \[n, 1, 16, 16\]",
    ),
    "not finite": (lambda p: model(p, last="nan"), {}, r"gives scores that are not finite"),
    "fewer classes than labels": (
        lambda p: model(p, outputs=3),
        {"classes": 3},
        r"targets\.mine\.classes: 3, but the images of task 'glyphs-attack' have 4 classes",
    ),
    "other classes than said": (
        lambda p: model(p, outputs=5),
        {},
        r"gives 5 classes where params\.yaml says 4",
    ),
    "no probabilities": (
        lambda p: model(p, scale=1e-4),
        {"outputs": "probabilities", "mean": [-1.0]},
        r"gives probabilities that sum to .*, not to 1: does it give logits\?",
    ),
    "negative probabilities": (
        model,
        {"outputs": "probabilities"},
        r"gives a probability of -.*does it give logits\?",
    ),
    "channels of the mean": (model, {"mean": [0.5, 0.5, 0.5]}, r"mean has 3 numbers, the images"),
}


@pytest.mark.parametrize(("make", "changes", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_wrong_with_it_is_one_sentence(siege, make, changes, sentence):
    if make:
        make(Path("mine.onnx"))
    edit(Path("params.yaml"), lambda p: own(p, **changes))
    with pytest.raises(InputError, match=sentence) as refusal:
        target.main("mine")
    assert "\n" not in str(refusal.value)
    assert not Path(f"data/prepare/quick/{TASK}/test/targets").exists()


def test_the_program_ends_with_2(siege):
    edit(Path("params.yaml"), lambda p: own(p))
    done = stage("target", "mine")
    assert done.returncode == 2
    assert done.stderr == "error: mine.onnx: there is no such file\n"


def test_images_of_the_users_own_in_folders_of_classes(siege):
    rng = np.random.default_rng(0)
    for c in range(CLASSES):
        folder = Path("photos") / f"class{c}"
        folder.mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(0, 100, (SIDE, SIDE), dtype=np.uint8)
            pixels[c * 4 : c * 4 + 4] += 100
            Image.fromarray(pixels).save(folder / f"{i}.png")
    model(Path("mine.onnx"))

    def photos(params):
        own(params)
        task = params["tasks"][TASK]
        task["draw"].update(images=12, held_out=4)
        task["dataset"] = {
            "reader": "image-folder", "source": "photos", "size": SIDE, "channels": 1,
            "min_images": 5, "divide": {"test": 0.4, "seed": 0},
        }  # fmt: skip

    edit(Path("params.yaml"), photos)
    prepare.main(TASK)
    target.main("mine")
    about = store.about(Path(f"data/prepare/quick/{TASK}/test/targets/mine"))
    assert (about["accuracy"]["value"], about["accuracy"]["n"]) == (1.0, 16)
    assert about["names"] == [f"class{c}" for c in range(CLASSES)]
    train.main(ZOO)
    evaluate.main(ZOO)
    assert TARGETS[0] not in Path(f"artifacts/evaluate/quick/{ZOO}/metrics.json").read_text()
