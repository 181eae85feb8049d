"""examples/adapt.py: what it answers and what it refuses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.examples.conftest import SHAPES, WAY, draw
from tests.test_examples import load

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "adapt.py"
example = load(SCRIPT)


def images(*shapes: str, variant: int = 0) -> np.ndarray:
    drawn = [np.asarray(draw(shape, variant), np.float32)[None] / 255 for shape in shapes]
    return np.stack(drawn)


@pytest.fixture(scope="module")
def learner(adapt):
    return example.Learner(adapt)


def cli(*words, check: int) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == check, done.stderr
    return done


def test_it_learns_and_names_what_it_has_not_seen(adapt, folders):
    lines = cli(adapt, *folders, check=0).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [[f"{s}.png:", s] for s in sorted(SHAPES)]


def test_a_file_of_half_size_names_them_too(adapt_half, folders):
    lines = cli(adapt_half, *folders, check=0).stdout.splitlines()
    assert [line.split()[1] for line in lines] == sorted(SHAPES)


def test_it_needs_onnxruntime_numpy_and_pillow_alone():
    program = f"""
import runpy, sys
runpy.run_path({str(SCRIPT)!r})
sys.exit(any(name in sys.modules for name in ("torch", "onnx", "lazyleap", "pydantic")))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_probabilities_of_classes_with_examples_alone(learner):
    found = learner.learn(images("bar", "ring"), np.array([0, 2]), images("bar", "ring", "dash"))
    assert found.shape == (3, 3)
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found[:, 1] == 0).all()  # a label that no example has
    assert found[0, 0] > 0.5
    assert found[1, 2] > 0.5


def test_zero_steps_and_a_rate_of_zero_answer_with_the_start(learner):
    support, labels = images(*SHAPES), np.arange(3)
    start = learner.learn(support, labels, support, steps=0)
    np.testing.assert_allclose(start, learner.learn(support, labels, support, rate=0.0))
    assert np.isfinite(start).all()
    assert np.abs(start - learner.learn(support, labels, support)).max() > 0.1


def refused(support=None, labels=None, queries=None, **options) -> dict:
    return {
        "support": images("bar", "ring") if support is None else support,
        "labels": np.array([0, 1]) if labels is None else np.array(labels, np.int64),
        "queries": images("bar") if queries is None else queries,
        **options,
    }


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (refused(labels=[0, WAY]), f"label {WAY} is not in 0..{WAY - 1}"),
        (refused(labels=[-1, 0]), "label -1 is not in"),
        (refused(labels=[0]), "2 support images, but 1 labels"),
        (refused(support=images("bar")[:0], labels=[]), "a support image and a query at least"),
        (refused(queries=images("bar")[:0]), "a support image and a query at least"),
        (
            refused(support=np.full_like(images("bar", "ring"), np.nan)),
            "a support image holds a value that",
        ),
        (refused(queries=np.full_like(images("bar"), np.inf)), "a query image holds a value that"),
        (refused(steps=-1), "-1 steps: there must be none or more"),
        (refused(rate=-0.1), "rate -0.1: it must be a number that is not negative"),
        (refused(rate=float("nan")), "rate nan: it must be a number"),
        (refused(rate=1e30), "learning diverged at rate 1e+30 in 20 steps"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_answer_is_refused(learner, case, sentence):
    with pytest.raises(example.RefusedError) as error:
        learner.learn(**case)
    assert sentence in str(error.value)


def empty_class(support: Path, queries: Path) -> None:
    (support / "empty").mkdir()


def too_many(support: Path, queries: Path) -> None:
    for i in range(WAY):
        shutil.copytree(support / "bar", support / f"more{i}")


def broken(support: Path, queries: Path) -> None:
    (support / "bar" / "broken.png").write_bytes(b"no image")


def none_readable(support: Path, queries: Path) -> None:
    for path in queries.iterdir():
        path.write_bytes(b"no image")


def no_queries(support: Path, queries: Path) -> None:
    shutil.rmtree(queries)
    queries.mkdir()


def no_support(support: Path, queries: Path) -> None:
    shutil.rmtree(support)
    support.mkdir()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (empty_class, "empty has no images"),
        (too_many, f"has {WAY + 3} classes, but the model learns {WAY} at most"),
        (broken, "broken.png cannot be read"),
        (none_readable, r"image .*bar\.png cannot be read"),
        (no_queries, "queries has no images"),
        (no_support, "support has no class folders"),
    ],
)
def test_folders_that_cannot_be_used_are_refused(adapt, folders, spoil, sentence):
    spoil(*folders)
    with pytest.raises(example.RefusedError, match=sentence):
        example.main(example.parse([str(adapt), *map(str, folders)]))


def test_a_query_that_cannot_be_read_does_not_stop_the_others(adapt, folders):
    (folders[1] / "c-broken.png").write_bytes(b"no image")
    done = cli(adapt, *folders, check=3)
    assert [line.split()[1] for line in done.stdout.splitlines()] == sorted(SHAPES)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: image {folders[1] / 'c-broken.png'} cannot be read")


def test_a_refusal_is_one_sentence_and_exit_code_two(adapt, folders):
    done = cli(adapt, *folders, "--rate", "-1", check=2)
    assert done.stderr == "error: rate -1.0: it must be a number that is not negative\n"
    assert not done.stdout


def test_an_image_of_another_size_and_mode_takes_the_form_of_the_model(tmp_path):
    path = tmp_path / "large.png"
    draw("ring", 0).resize((50, 40)).convert("RGBA").save(path)
    found = example.read(path, {"channels": 1, "height": 28, "width": 28}, invert=False)
    assert found.shape == (1, 28, 28)
    assert np.corrcoef(found.ravel(), images("ring").ravel())[0, 1] > 0.8


def test_dark_ink_on_paper_is_turned(adapt, folders, tmp_path):
    support, _ = folders
    paper = tmp_path / "paper"
    for path in support.rglob("*.png"):
        (paper / path.parent.name).mkdir(parents=True, exist_ok=True)
        dark = 255 - np.asarray(Image.open(path))
        Image.fromarray(dark).save(paper / path.parent.name / path.name)
    facts = {"channels": 1, "height": 28, "width": 28}
    for path in support.rglob("*.png"):
        there = paper / path.parent.name / path.name
        turned = example.read(there, facts, invert=True)
        np.testing.assert_allclose(turned, example.read(path, facts, invert=False), atol=1e-6)
