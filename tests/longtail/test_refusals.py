"""What cannot be trained is refused in one sentence before any training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from lazyleap.errors import InputError
from lazyleap.settings import load
from stages import prepare, train
from tests.conftest import edit
from tests.longtail.project import TASK
from tests.stages.test_train import stage

RUN = "lt-cross-entropy"


def change(folder: Path, block: str, **values: object) -> None:
    edit(folder / "params.yaml", lambda p: p["tasks"][TASK][block].update(values))


def refused(words: str, call: object, *arguments: object) -> None:
    with pytest.raises(InputError, match=words) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"meta_per_class": 35},
            r"tasks.glyphs-lt.class 'c' has 34 images, fewer than the 35 that",
        ),
        (
            {"meta_per_class": 30, "validation_per_class": 5},
            r"'c' has 34 images, fewer than the 35 that meta_per_class asks and validation_per_cl",
        ),
        ({"imbalance": 31.0}, r"tasks.glyphs-lt.class 'a' would be left without .* imbalance 31$"),
        (
            {"meta_per_class": 34},
            r"class 'c' would be left without .*: 0 remain after the images drawn first",
        ),
    ],
)
def test_a_choice_that_cannot_be_made(longtail, values, words):
    change(longtail, "draw", **values)
    refused(words, prepare.main, TASK)
    assert not list((longtail / "data/prepare/quick").glob("*/train/*"))


@pytest.mark.parametrize("imbalance", [0.5, 0, -3, float("nan"), float("inf")])
def test_an_imbalance_below_one_is_refused_by_its_key(longtail, imbalance):
    change(longtail, "draw", imbalance=imbalance)
    refused(r"tasks\.glyphs-lt\.draw\.imbalance: input should be", load, Path("params.yaml"))


def test_a_label_out_of_range_is_found_before_training(longtail):
    prepare.main(TASK)
    (path,) = longtail.glob(f"data/prepare/quick/{TASK}/train/**/train_labels.npy")
    labels = np.load(path)
    labels[5] = 4
    np.save(path, labels)
    refused(r"train_labels.npy.*\b4\b.*0\.\.3", train.main, RUN)
    assert not (longtail / "artifacts/train/quick").exists()


def test_folders_whose_test_classes_are_others_are_refused(longtail, tmp_path):
    own_images(tmp_path / "own", train=("cat", "dog"), test=("cat", "cow"))
    use_folder(longtail, tmp_path / "own")
    refused("other classes in train than in test", prepare.main, TASK)


def test_a_users_own_folders_train(longtail, tmp_path):
    own_images(tmp_path / "own", train=("cat", "dog"), test=("cat", "dog"))
    use_folder(longtail, tmp_path / "own")
    change(longtail, "draw", imbalance=None, meta_per_class=2)
    prepare.main(TASK)
    train.main(RUN)
    theta = load_file(longtail / f"artifacts/train/quick/{RUN}/theta.safetensors")
    assert theta["classifier/head.weight"].shape[0] == 2


def own_images(folder: Path, **splits: tuple[str, ...]) -> None:
    chance = np.random.default_rng(0)
    for split, classes in splits.items():
        for place, name in enumerate(classes):
            inside = folder / split / name
            inside.mkdir(parents=True)
            for i in range(9 - 2 * place):
                pixels = chance.integers(0, 256, (16, 16), np.uint8)
                Image.fromarray(pixels).save(inside / f"{i}.png")


def use_folder(longtail: Path, source: Path) -> None:
    dataset = {"reader": "image-folder", "source": str(source), "size": 16, "channels": 1}
    edit(
        longtail / "params.yaml",
        lambda p: p["tasks"][TASK].update(dataset=dataset | {"min_images": 1}),
    )


@pytest.fixture
def checkpoint(longtail: Path, exported: Path) -> Path:
    """A user's weights beside the prepared data."""
    prepare.main(TASK)
    theta = load_file(exported / f"artifacts/train/quick/{RUN}/theta.safetensors")
    own = {n.removeprefix("classifier/"): p for n, p in theta.items()}
    path = longtail / "extensions/own.safetensors"
    save_file(own, path)
    change(longtail, "training", start="extensions/own.safetensors", meta_iterations=1, lr=1e-12)
    return path


def test_training_starts_from_a_users_checkpoint(checkpoint):
    train.main(RUN)
    found = load_file(f"artifacts/train/quick/{RUN}/theta.safetensors")
    for name, p in load_file(checkpoint).items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(found[f"classifier/{name}"], p, rtol=0, atol=1e-8)


def spoil(path: Path, how: str) -> None:
    tree = load_file(path)
    if how == "shape":
        tree["head.weight"] = torch.zeros(5, tree["head.weight"].shape[1])
    elif how in tree:
        tree[how].view(-1)[1] = torch.nan
    elif how == "missing":
        del tree["head.bias"]
    if how == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif how == "gone":
        path.unlink()
    else:
        save_file(tree, path)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            "shape",
            r"own.safetensors: parameter .head.weight. has shape \[5, 4\], .* is \[4, 4\]$",
        ),
        ("head.bias", "own.safetensors: 'head.bias' holds a number that is not finite$"),
        ("missing", "own.safetensors: has no parameter 'head.bias' of this network$"),
        ("cut", "own.safetensors: cannot be read"),
        ("gone", "own.safetensors: cannot be read"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(checkpoint, how, words):
    spoil(checkpoint, how)
    refused(words, train.main, RUN)
    assert not Path("artifacts/train/quick").exists()
    assert not list(Path(".scratch").glob("**/checkpoint.pt"))


def test_the_program_ends_with_one_line_and_code_two(longtail):
    change(longtail, "draw", meta_per_class=35)
    done = stage("prepare", TASK)
    assert (done.returncode, done.stdout) == (2, "")
    *said, last = done.stderr.splitlines()
    assert all(line.startswith("prepare glyphs-lt ") for line in said)  # how far it has come
    assert last.startswith("error: params.yaml: tasks.glyphs-lt.")
