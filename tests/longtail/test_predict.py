"""Prediction without the pipeline: labels of image files by a really exported classifier."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from stages.predict import main
from tests.conftest import ROOT
from tests.longtail.project import CLASSES
from tests.longtail.test_export import in_torch, test_images

RUN = "lt-reweight-lazy-k5"
ONLY = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "onnx", "pydantic", "typer", "pandas", "yaml", "pooch"}:
            raise ImportError(f"{name} is not for this program")
sys.meta_path.insert(0, Block())
from runpy import run_module
run_module("stages.predict", run_name="__main__")
"""


@pytest.fixture
def model(exported: Path) -> Path:
    return exported / f"artifacts/export/quick/{RUN}/model.onnx"


@pytest.fixture
def pictures(exported: Path, tmp_path: Path) -> Path:
    """The first test images as files, beside a note that is no image."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, pixels in enumerate(test_images(exported)[:9]):
        Image.fromarray((pixels[0] * 255).astype(np.uint8)).save(folder / f"{i}.png")
    (folder / "notes.txt").write_text("no image")
    return folder


def answers(capsys, *words: object) -> list[dict]:
    main([str(word) for word in words])
    return json.loads(capsys.readouterr().out)


def test_probabilities_are_the_classifiers(exported, model, pictures, capsys):
    found = answers(capsys, model, pictures, "--format", "json")
    logits = in_torch(exported, RUN, test_images(exported)[:9]).astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert [row["image"] for row in found] == [str(pictures / f"{i}.png") for i in range(9)]
    for row, expected in zip(found, shares, strict=True):
        assert list(row["probabilities"]) == list(CLASSES)
        np.testing.assert_allclose(list(row["probabilities"].values()), expected, atol=1e-4)
        assert row["label"] == CLASSES[expected.argmax()]
        assert row["probability"] == pytest.approx(expected.max(), abs=1e-4)


def test_images_are_made_what_the_model_takes(model, pictures, tmp_path, capsys):
    """Coloured, larger, with a gap in it: the same grey square as before, so the same answer."""
    small = Image.open(pictures / "0.png")
    large = small.resize((64, 64), Image.Resampling.NEAREST).convert("RGB")
    large.save(tmp_path / "large.png")
    dark = Image.fromarray(255 - np.asarray(small))
    dark.save(tmp_path / "dark.png")
    (plain,) = answers(capsys, model, pictures / "0.png", "--format", "json")
    (fitted,) = answers(capsys, model, tmp_path / "large.png", "--format", "json")
    (turned,) = answers(capsys, model, tmp_path / "dark.png", "--invert", "--format", "json")
    assert fitted["probability"] == pytest.approx(plain["probability"], abs=0.1)
    assert turned["probabilities"] == pytest.approx(plain["probabilities"], abs=1e-6)


def test_csv_is_what_a_program_reads(model, pictures, capsys):
    main([str(model), str(pictures), str(pictures / "3.png"), "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 10
    assert rows[3] == rows[9]
    for row in rows:
        assert sum(float(row[name]) for name in CLASSES) == pytest.approx(1, abs=1e-5)
        assert float(row["probability"]) == max(float(row[name]) for name in CLASSES)


def test_a_table_on_a_terminal_and_csv_elsewhere(model, pictures):
    command = [sys.executable, "-m", "stages.predict", str(model), str(pictures / "0.png")]
    ours, theirs = pty.openpty()
    subprocess.run(command, cwd=ROOT, stdout=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 4000).decode()
    assert len(shown.splitlines()) == 1
    assert shown.startswith(f"{pictures / '0.png'}  ")
    piped = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert piped.startswith("image,label,probability,c,e,o,a\n")


def test_neither_torch_nor_the_pipeline_is_needed(model, pictures):
    command = [sys.executable, "-c", ONLY, str(model), str(pictures), "--format", "table"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 9


def sometimes_nan(path: Path) -> Path:
    """Two classes; the first has the image's mean over itself: not a number of a black image."""
    shares = [[0.75, 0.25]]
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
            onnx.helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
            onnx.helper.make_node("Div", ["column", "column"], ["ones"]),
            onnx.helper.make_node("MatMul", ["ones", "shares"], ["probabilities"]),
        ],
        "sometimes",
        [onnx.helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["n", 1, 8, 8])],
        [onnx.helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["n", 2])],
        [
            onnx.numpy_helper.from_array(np.array(shares, np.float32), "shares"),
            onnx.numpy_helper.from_array(np.array([1]), "one"),
        ],
    )
    opset = [onnx.helper.make_opsetid("", 13)]
    made = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    facts = {"class_names": '["a", "b"]', "image": '{"height": 8, "width": 8, "channels": 1}'}
    onnx.helper.set_model_props(made, {"kind": "longtail", **facts})
    onnx.save(made, path)
    return path


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_what_has_no_answer_is_named_and_the_others_are_answered(tmp_path, form):
    model = sometimes_nan(tmp_path / "nan.onnx")
    for name, value in (("a", 9), ("black", 0), ("z", 200)):
        Image.new("L", (8, 8), value).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    command = [sys.executable, "-m", "stages.predict", str(model), str(tmp_path)]
    done = subprocess.run(
        [*command, "--format", form], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert re.findall(r"(\w+)\.png", done.stdout) == ["a", "z"]
    assert "nan" not in done.stdout.replace(str(tmp_path), "")
    broken, black = sorted(done.stderr.splitlines())[::-1]
    assert black == f"error: image {tmp_path / 'black.png'}: the model's answer is not a number"
    assert broken.startswith(f"error: image {tmp_path / 'broken.png'} cannot be read")
    (tmp_path / "a.png").unlink()
    (tmp_path / "z.png").unlink()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 2)


def spoil(model: Path, folder: Path, what: str) -> tuple[Path, Path]:
    """A model and an image of which one is not usable."""
    image, other = folder / "0.png", folder / f"{what}.onnx"
    if what == "text":
        other.write_text("no model")
    elif what == "cut":
        other.write_bytes(model.read_bytes()[:5000])
    elif what == "nameless":
        bare = onnx.load(model)
        del bare.metadata_props[:]
        onnx.save(bare, other)
    elif what == "learner":
        bare = onnx.load(model)
        onnx.helper.set_model_props(bare, {"adaptation_steps": "5"})
        onnx.save(bare, other)
    elif what == "empty":
        (folder / "empty").mkdir()
        return model, folder / "empty"
    elif what in ("image", "absent"):
        return model, folder / {"image": "notes.txt", "absent": "absent.png"}[what]
    return other, image


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("gone", "^error: .*gone.onnx: there is no such file$"),
        ("text", "^error: .*text.onnx: is not a usable ONNX model "),
        ("cut", "^error: .*cut.onnx: is not a usable ONNX model "),
        (
            "nameless",
            "^error: .*nameless.onnx: its metadata name no classes .*stages.export wrote$",
        ),
        ("learner", "^error: .*has learned no classes yet; see examples/adapt.py$"),
        ("empty", r"^error: folder .*empty has no images \(.png, .jpg, .*\)$"),
        ("image", "^error: image .*notes.txt cannot be read"),
        ("absent", "^error: image .*absent.png does not exist$"),
    ],
)
def test_refused_in_one_sentence_and_nothing_printed(model, pictures, what, words):

    chosen = spoil(model, pictures, what)
    command = [sys.executable, "-m", "stages.predict", *map(str, chosen)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert re.search(words, done.stderr.strip())
