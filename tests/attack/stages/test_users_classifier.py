"""A user's ONNX classifier as a target, on a user's images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lazyleap.classifiers import store
from lazyleap.errors import InputError
from stages import evaluate, prepare, target, train
from tests.attack.stages.project import SQUARE, TARGETS, TASK, ZOO
from tests.attack.stages.users import CLASSES, SIDE, model, users_target
from tests.conftest import edit
from tests.stages.test_train import stage


def brighten_the_first_pixel_of_the_last_image():
    """Which is none of those that an attack chooses or a short look sees."""
    path = Path(f"data/prepare/quick/{TASK}/test/images/test_images.npy")
    images = np.load(path)
    images[:, 0, 0, 0] = np.minimum(images[:, 0, 0, 0], 200)
    images[-1, 0, 0, 0] = 255
    np.save(path, images)


@pytest.fixture
def workspace(ready, tmp_path, monkeypatch):
    folder = shutil.copytree(ready, tmp_path / "workspace")
    monkeypatch.chdir(folder)
    shutil.rmtree(folder / f"data/prepare/quick/{TASK}/test/targets")
    return folder


@pytest.mark.parametrize("last", ["logits", "probabilities"])
@pytest.mark.parametrize("batch", ["n", 1, 8], ids=["any batch", "one by one", "by eight"])
def test_it_is_attacked_as_any_other(workspace, last, batch):
    model(Path("mine.onnx"), last=last, shape=(batch, 1, SIDE, SIDE))
    edit(Path("params.yaml"), lambda p: users_target(p, outputs=last))
    target.main("mine")
    train.main(ZOO)
    evaluate.main(ZOO)
    found = json.loads(Path(f"artifacts/evaluate/quick/{ZOO}/metrics.json").read_text())
    assert "success@mine" in found["metrics"]
    assert found["targets"]["mine"]["kind"] == "onnx"
    assert (found["targets"]["mine"]["signal"]["moved"], found["warnings"]) == (1, [])


def test_the_normalisation_said_is_the_one_applied(workspace):
    model(Path("mine.onnx"))
    edit(Path("params.yaml"), lambda p: users_target(p))
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
    "not finite": (
        lambda p: model(p, last="nan"),
        {},
        r"mine\.onnx: classifier: scores are not finite .* in 32 of 32 answers, of image 0, 1, 2",
    ),
    "not finite, once": (
        lambda p: model(p, last="rarely nan"),
        {},
        r"scores are not finite \(NaN or infinite\) in 1 of 32 answers, of image 31: nothing can",
    ),
    "probabilities called logits": (
        lambda p: model(p, last="probabilities"),
        {},
        r"logits that lie in 0\.\.1 and sum to 1 are probabilities: declare them \(outputs: prob",
    ),
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
        r"probabilities add up to .* instead of 1; are these logits\?",
    ),
    "negative probabilities": (
        model,
        {"outputs": "probabilities"},
        r"a probability of -.*; are these logits\?",
    ),
    "channels of the mean": (model, {"mean": [0.5, 0.5, 0.5]}, r"mean has 3 numbers, the images"),
}


@pytest.mark.parametrize(("make", "changes", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_wrong_with_it_is_one_sentence(workspace, make, changes, sentence):
    brighten_the_first_pixel_of_the_last_image()
    if make:
        make(Path("mine.onnx"))
    edit(Path("params.yaml"), lambda p: users_target(p, **changes))
    with pytest.raises(InputError, match=sentence) as refusal:
        target.main("mine")
    assert "\n" not in str(refusal.value)
    assert not Path(f"data/prepare/quick/{TASK}/test/targets").exists()


def test_an_answer_of_the_class_alone_is_attacked_but_marked_everywhere(workspace, capfd):
    model(Path("mine.onnx"), last="one-hot")
    edit(Path("params.yaml"), lambda p: users_target(p, outputs="probabilities"))
    target.main("mine")
    assert "warning: target 'mine': its scores move for 0 % of 32 images" in capfd.readouterr().err
    about = store.about(Path(f"data/prepare/quick/{TASK}/test/targets/mine"))
    assert about["signal"] == {"moved": 0.0, "images": 32, "width": 0.02}
    train.main(ZOO)
    evaluate.main(ZOO)
    found = json.loads(Path(f"artifacts/evaluate/quick/{ZOO}/metrics.json").read_text())
    attacked = found["denominators"]["mine"]["attacked"]
    assert found["metrics"]["success@mine"]["value"] == 0
    assert (found["targets"]["mine"]["signal"]["moved"], found["targets"]["mine"]["still"]) == (
        0,
        attacked,
    )
    move, never = found["warnings"]
    assert "it answers classes alone or is saturated" in move
    assert f"never moved in the attacks on {attacked} of {attacked} images" in never


def test_an_answer_that_is_no_number_ends_the_attack_in_a_sentence(workspace):
    """The images are fine and so are their scores: the search comes to one that is not."""
    brighten_the_first_pixel_of_the_last_image()
    model(Path("mine.onnx"))
    edit(Path("params.yaml"), lambda p: users_target(p))
    target.main("mine")
    model(Path(f"data/prepare/quick/{TASK}/test/targets/mine/model.onnx"), last="rarely nan")
    edit(Path("params.yaml"), lambda p: p["algorithms"]["square"].update(share=0.9))
    edit(Path("params.yaml"), lambda p: p["tasks"][TASK]["test"].update(epsilon=200.0))
    train.main(SQUARE)
    with pytest.raises(InputError, match=r"^target 'mine': classifier: scores are not finite"):
        evaluate.main(SQUARE)
    assert not Path(f"artifacts/evaluate/quick/{SQUARE}").exists()


def test_the_program_ends_with_2(workspace):
    edit(Path("params.yaml"), lambda p: users_target(p))
    done = stage("target", "mine")
    assert done.returncode == 2
    assert done.stderr == "error: mine.onnx: there is no such file\n"


def test_a_users_images_in_folders_of_classes(workspace):
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
        users_target(params)
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
