"""Every form of a classifier that docs/attack.md has a row for, from its file to an attack."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from lazyleap.classifiers import store
from lazyleap.datasets.store import load
from pipeline.commands import grids, robustness
from stages import evaluate, prepare, target, train
from tests.classifiers.test_session import BYTES, SHAPES, model, scores
from tests.conftest import ROOT
from tests.pipeline.commands.test_recipes import draw

NAME, SIZE = "attack-net", 8
MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
Array = np.ndarray


def last(pixels: Array) -> Array:
    return pixels.transpose(0, 2, 3, 1)


def whole(pixels: Array) -> Array:
    return np.rint(255 * pixels)


def shares(values: Array) -> Array:
    powers = np.exp(values - values.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def same(values: Array) -> Array:
    return values


class Form(NamedTuple):
    """A classifier's file, the options given for it, and in numpy what it sees and answers."""

    row: str  # how its row of the table begins
    make: Callable[[Path], Path]
    options: Mapping[str, Any] = MappingProxyType({})
    sees: Callable[[Array], Array] = same
    answers: Callable[[Array], Array] = same


def plain(layout: str, **how: Any) -> Callable[[Path], Path]:
    return lambda folder: model(folder / "net.onnx", SHAPES[layout], **how)


def with_softmax(then: str | None = None) -> Callable[[Path], Path]:
    """Probabilities, by the last operator or before one that does not tell."""

    def make(folder: Path) -> Path:
        path = model(folder / "net.onnx", SHAPES["nchw"])
        content = onnx.load(path)
        graph = content.graph
        graph.output[0].name = "shares"
        graph.node.append(helper.make_node("Softmax", ["scores"], ["sure" if then else "shares"]))
        if then:
            graph.node.append(helper.make_node(then, ["sure"], ["shares"]))
        onnx.save(content, path)
        return path

    return make


def with_weights_beside(folder: Path) -> Path:
    made = onnx.load(model(folder / "whole.onnx", SHAPES["nchw"]))
    (folder / "net").mkdir()
    external = {"save_as_external_data": True, "location": "net.data", "size_threshold": 0}
    onnx.save(made, folder / "net" / "net.onnx", **external)
    (folder / "whole.onnx").unlink()
    return folder / "net"


def of_any_size(folder: Path) -> Path:
    """What it says of its images is the number of channels."""
    return model(folder / "net.onnx", (3, "height", "width"))


FORMS = {
    "channels first": Form("channels first or last", plain("nchw")),
    "channels last": Form("channels first or last", plain("nhwc"), sees=last),
    "rows": Form("a row of features an image", plain("flat-hwc"), sees=last),
    "rows, channels first": Form(
        "a row of features an image", plain("flat-chw"), {"layout": "flat-chw"}
    ),
    "bytes": Form("bytes, `uint8`", plain("nchw", number=BYTES), sees=whole),
    "bytes, last": Form(
        "bytes, `uint8`", plain("nhwc", number=BYTES), sees=lambda pixels: last(whole(pixels))
    ),
    "floats in 0..255": Form(
        "floats in 0..255", plain("nchw"), {"pixels": "bytes"}, sees=lambda pixels: 255 * pixels
    ),
    "normalised": Form(
        "`(pixels - mean) / std`", plain("nchw"), {"mean": MEAN, "std": STD},
        sees=lambda pixels: (pixels - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1)),
    ),
    "labels before scores": Form("several outputs", plain("nchw", labels=True)),
    "a named output": Form("several outputs", plain("nchw", labels=True), {"output": "scores"}),
    "maps by class": Form(
        "scores of the form {class: share}", plain("flat-hwc", labels=True, maps=True), sees=last,
        answers=lambda values: shares(values)[:, [1, 0, 2, 3, 4]],
    ),
    "probabilities, read off": Form(
        "logits or probabilities", with_softmax(), answers=shares
    ),
    "probabilities, said": Form(
        "logits or probabilities", with_softmax("Identity"), {"outputs": "probabilities"},
        answers=shares,
    ),
    "batch of four": Form("a fixed batch", plain("nchw", batch=4)),
    "one at a time": Form("a fixed batch", plain("nhwc", batch=1), sees=last),
    "any size": Form("any size of images", of_any_size, {"size": SIZE}),
    "weights beside": Form("weights in a file beside the model", with_weights_beside),
}  # fmt: skip


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In an empty project, a folder of five classes of six images."""
    monkeypatch.chdir(tmp_path)
    grids.new(None)
    threads = torch.get_num_threads()
    yield draw(Path("photos"), {f"c{i}": 6 for i in range(5)})
    torch.set_num_threads(threads)


def attacked(form: Form, photos: Path) -> str:
    """The parameters of the grid that the command writes, its data and its target prepared."""
    asked = robustness.Asked(budget=12, attacked=2, **form.options)
    grid = robustness.grid_for(form.make(Path()), photos, asked, NAME)
    params = f"grids/{grid}/params.yaml"
    prepare.main("images", params)
    target.main("classifier", params)
    return params


@pytest.mark.parametrize("name", FORMS)
def test_its_scores_are_those_of_the_same_function_in_numpy(name, photos):
    form = FORMS[name]
    attacked(form, photos)
    folder = Path("data/prepare") / NAME / "images/test"
    test = load(folder / "images").split("test")
    pixels = test.images / np.float64(255)
    wanted = form.answers(scores(form.sees(pixels)))
    ask = store.load_scorer(folder / "targets/classifier", torch.device("cpu"))
    found = ask(torch.from_numpy(pixels).float()).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
    about = store.about(folder / "targets/classifier")
    assert about["accuracy"]["value"] == pytest.approx((wanted.argmax(1) == test.labels).mean())


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_it_is_attacked(name, photos):
    params = attacked(FORMS[name], photos)
    for run in ("square", "random-direction"):
        train.main(run, params)
        evaluate.main(run, params)
        found = json.loads(Path(f"artifacts/evaluate/{NAME}/{run}/metrics.json").read_text())
        assert found["targets"]["classifier"]["kind"] == "onnx"
        assert found["denominators"]["classifier"]["attacked"] <= 2
        assert 0 <= found["metrics"]["success@classifier"]["value"] <= 1


def test_every_row_of_the_table_has_a_form():
    text = (ROOT / "docs/attack.md").read_text().partition("| your model | option |")[2]
    rows = re.findall(r"^\| (.+?) \|", text.partition("\n\n")[0], re.MULTILINE)
    assert len(rows) > 8
    for row in rows:
        assert any(row.startswith(form.row) for form in FORMS.values()), row
