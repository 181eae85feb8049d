"""Recipes for a user's own images and classifiers: what they say, and that they run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from lazyleap.datasets import read
from lazyleap.errors import InputError
from pipeline import project
from pipeline.cli import app
from pipeline.commands import grids, robustness
from pipeline.commands.folders import look
from pipeline.commands.recipes import Recipe, text
from pipeline.plan import plan
from tests.classifiers.test_session import BYTES, IMAGE, SHAPES, model
from tests.conftest import ROOT


def draw(folder: Path, counts: dict[str, int], mode: str = "RGB") -> Path:
    """Images of one colour a class, with noise; as many as said in each class folder."""
    noise = np.random.default_rng(0)
    for i, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for j in range(count):
            pixels = noise.integers(0, 60, (12, 12, 3)) + np.array([15 * i, 190 - 15 * i, 60])
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.convert(mode).save(folder / name / f"{j}.png")
    return folder


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begin(recipe: Recipe, images: Path, size: int = 16):
    grids.new("mine", lambda: text(recipe, images, size))
    return plan("mine").settings


def test_a_few_shot_recipe_fits_its_folder(empty: Path) -> None:
    folder = draw(Path("photos"), {f"c{i:02}": 4 + i % 3 for i in range(15)}, "L")
    settings = begin(Recipe.FEW_SHOT, folder)
    task = settings.tasks["images"]
    assert (task.draw.way, task.draw.shot, task.draw.query) == (
        3,
        1,
        3,
    )  # 3 of 15 classes; 4 images
    assert (task.dataset.size, task.dataset.channels, task.dataset.min_images) == (16, 1, 4)
    sets = read(task.dataset, Path())
    assert {split: len(part.classes) for split, part in sets.items()} == {
        "train": 9,
        "val": 3,
        "test": 3,
    }
    seeds = {run.seed for run in settings.runs.values()}
    assert seeds == {0, 1, 2}


def test_a_divided_folder_is_taken_as_it_is(empty: Path) -> None:
    for split, count in (("train", 6), ("val", 2), ("test", 4)):
        draw(Path("photos") / split, {f"{split}{i}": 7 for i in range(count)})
    task = begin(Recipe.FEW_SHOT, Path("photos")).tasks["images"]
    assert (task.draw.way, task.draw.query, task.dataset.channels) == (2, 5, 3)
    assert task.dataset.ways == []


def test_a_long_tail_recipe_fits_its_folder(empty: Path) -> None:
    folder = draw(Path("photos"), {"a": 60, "b": 30, "c": 15, "d": 10})
    task = begin(Recipe.LONG_TAIL, folder).tasks["images"]
    assert task.draw.imbalance is None
    assert (task.draw.meta_per_class, task.training.meta_batch) == (4, 16)  # half of 8 of 10
    assert task.training.batch == 64
    sizes = np.array([48, 24, 12, 8]) - 4
    assert (sizes > task.test.many).any()
    assert (sizes < task.test.few).any()
    sets = read(task.dataset, Path())
    assert np.bincount(sets["train"].labels).tolist() == [48, 24, 12, 8]


def test_a_step_takes_no_more_images_than_there_are(empty: Path) -> None:
    task = begin(Recipe.LONG_TAIL, draw(Path("photos"), {"a": 20, "b": 10})).tasks["images"]
    assert task.training.batch == (16 - 4) + (8 - 4)


@pytest.mark.parametrize(
    ("recipe", "counts", "words"),
    [
        (Recipe.FEW_SHOT, {"a": 5, "b": 5}, "needs 2 classes in each of train, val and test"),
        (Recipe.FEW_SHOT, {f"c{i}": 1 for i in range(10)}, "and 2 images in each class"),
        (Recipe.LONG_TAIL, {"a": 9}, "a long tail needs 2 classes"),
        (Recipe.LONG_TAIL, {"a": 9, "b": 2}, "3 of a folder that is not divided"),
    ],
)
def test_a_folder_that_is_too_small_is_refused(empty, recipe, counts, words) -> None:
    with pytest.raises(InputError, match=words):
        text(recipe, draw(Path("photos"), counts), 16)


def test_what_is_no_folder_of_classes_is_refused(empty: Path) -> None:
    with pytest.raises(InputError, match="nowhere: is not a folder"):
        look(Path("nowhere"))
    draw(Path("photos"), {"a": 2, "b": 0}, "L")
    with pytest.raises(InputError, match="photos: wants a folder for each class"):
        look(Path("photos"))
    Path("photos/b/0.png").write_text("no image")
    with pytest.raises(InputError, match=r"image photos/b/0\.png cannot be read"):
        look(Path("photos"))


def test_a_classifier_s_file_says_most_of_its_target(empty: Path) -> None:
    grids.new(None)
    draw(Path("photos"), {f"c{i}": 10 for i in range(5)})
    source = model(Path("my Net.onnx"), SHAPES["nhwc"], number=BYTES, labels=True)
    asked = robustness.Asked(norm="linf", budget=50, mean=[1.0, 2.0, 3.0])
    assert robustness.grid_for(source, Path("photos"), asked, None) == "attack-my-net"
    settings = plan("attack-my-net").settings
    target = settings.targets["classifier"]
    assert (target.source, target.input, target.layout) == ("my Net.onnx", "given", "nhwc")
    assert (target.pixels, target.output, target.outputs) == ("bytes", "scores", "logits")
    assert (target.mean, target.std, target.classes) == ([1, 2, 3], [1, 1, 1], 5)
    task = settings.tasks["images"]
    assert (task.dataset.size, task.dataset.channels) == (IMAGE["height"], 3)
    assert (task.test.norm, task.test.epsilon, task.test.budget) == ("linf", 8 / 255, 50)
    assert (task.draw.images, task.test.images) == (40, 20)


def test_a_grid_of_one_s_own_is_not_written_over(empty: Path) -> None:
    grids.new(None)
    draw(Path("photos"), {f"c{i}": 10 for i in range(5)})
    source, images = model(Path("net.onnx"), SHAPES["nchw"]), Path("photos")
    for budget in (50, 60):
        name = robustness.grid_for(source, images, robustness.Asked(budget=budget), "mine")
        assert plan(name).settings.tasks["images"].test.budget == budget
    path = Path("grids/mine/params.yaml")
    path.write_text(path.read_text().replace(robustness.WRITTEN, "mine"))
    with pytest.raises(InputError, match=r"grids/mine/params\.yaml: is yours"):
        robustness.grid_for(source, images, robustness.Asked(), "mine")


def test_a_size_that_the_file_does_not_say_must_be_given(empty: Path) -> None:
    draw(Path("photos"), {"a": 5, "b": 5})
    source = model(Path("net.onnx"), (3, "h", "w"))
    with pytest.raises(InputError, match=r"net\.onnx: does not say .* give --size"):
        robustness.text(source, Path("photos"), robustness.Asked())
    given = yaml.safe_load(robustness.text(source, Path("photos"), robustness.Asked(size=8)))
    assert given["tasks"]["images"]["dataset"]["size"] == 8


@pytest.mark.parametrize(
    "words",
    [
        ("--recipe", "few-shot"),
        ("mine", "--images", "photos"),
        ("--recipe", "few-shot", "--images", "x"),
    ],
)
def test_recipe_images_and_name_go_together(empty: Path, words) -> None:
    with pytest.raises(InputError, match="go together"):
        CliRunner().invoke(app, ["grid", "new", *words], catch_exceptions=False)


@pytest.mark.system
@pytest.mark.timeout(900)
def test_a_classifier_outside_of_the_project_is_attacked(empty: Path, monkeypatch) -> None:
    """By the command, from an empty folder: both searches, with a report."""
    draw(empty / "photos", {f"c{i}": 6 for i in range(5)})
    source = model(empty / "net.onnx", SHAPES["nhwc"], batch=4, labels=True)
    (empty / "work").mkdir()
    monkeypatch.chdir(empty / "work")
    words = ["attack", str(source), "../photos", "--budget", "30", "--count", "3", "--json"]
    command = [sys.executable, "-m", "pipeline", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["grid"], found["errors"]) == ("attack-net", [])
    assert {row["run"]: row["metric"] for row in found["results"]} == {
        "square": "success",
        "random-direction": "success",
    }
    assert Path("results/attack-net/report.html").is_file()
    assert project.root() == empty / "work"
