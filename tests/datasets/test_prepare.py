"""The stage from a params.yaml and a user's images to arrays and fixed episodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from lazyleap.datasets import load, omniglot
from lazyleap.errors import InputError
from lazyleap.fewshot.episodes import Episodes
from stages.prepare import describe, main, write
from stages.resolve import download

ROOT = Path(__file__).parents[2]
DRAW = {
    "way": 2,
    "shot": 1,
    "query": 2,
    "validation_episodes": 3,
    "test_episodes": 4,
    "seed": 0,
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A user's folder of two classes a split, three images each, and params that name it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for name in ("cat", "dog"):
            folder = Path("mine") / split / f"{split}-{name}"
            folder.mkdir(parents=True)
            for number in range(3):
                pixels = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    write_params()
    return tmp_path


def write_params(**draw):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params |= {"surrogates": {}, "targets": {}}
    name, task = next(iter(params["tasks"].items()))
    dataset = {
        "reader": "image-folder",
        "source": "mine",
        "size": 8,
        "channels": 3,
        "min_images": 3,
    }
    drawn = {**DRAW, **draw}
    training = {**task["training"], "way": drawn["way"]}
    params["tasks"] = {name: {**task, "dataset": dataset, "draw": drawn, "training": training}}
    params["runs"] = {key: run for key, run in params["runs"].items() if run["task"] == name}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    return name


def prepared():
    (folder,) = Path("data/prepare").glob("*/*")
    return folder


def test_test_images_are_kept_apart(project):
    main(write_params())
    train, test = load(prepared() / "train/images"), load(prepared() / "test/images")
    assert set(train.info["splits"]) == {"train", "val"}
    assert set(test.info["splits"]) == {"test"}
    assert test.info["mean"] == train.info["mean"]
    assert test.info["name"] == "mine"
    assert test.split("test").images.shape == (6, 3, 8, 8)


def test_episodes_are_fixed_by_the_seed(project):
    digests = []
    for seed in (0, 0, 1):
        main(write_params(seed=seed))
        episodes = Episodes.load(prepared() / "test/images/episodes.npz")
        assert episodes.query.shape == (4, 2, 2)
        digests.append(episodes.digest)
    assert digests[0] == digests[1] != digests[2]


def test_preparing_twice_gives_equal_bytes(project):
    contents = []
    for _ in range(2):
        main(write_params())
        files = sorted(path for path in prepared().rglob("*") if path.is_file())
        contents.append([(path.name, path.read_bytes()) for path in files])
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        ({"query": 3}, r"draw, val split: class 'val-cat' has 3 images"),
        ({"way": 3}, "only 2 classes"),
    ],
    ids=["images", "classes"],
)
def test_too_little_for_an_episode_writes_nothing(project, draw, sentence):
    with pytest.raises(InputError, match=sentence):
        main(write_params(**draw))
    assert not list(Path("data").rglob("*.*"))


def test_a_missing_val_split_is_one_sentence(project):
    (project / "mine" / "val").rename(project / "mine" / ".val")
    with pytest.raises(InputError, match="has no val split, only train, test"):
        main(write_params())


def test_an_unreadable_image_writes_nothing(project):
    (project / "mine" / "test" / "test-dog" / "2.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"test-dog/2\.png cannot be read"):
        main(write_params())
    assert not list(Path("data").rglob("*.*"))


def test_what_is_drawn_for_no_folder_of_images_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"'train/a\.npz' is drawn, which is in neither"):
        write(tmp_path / "made", {}, {"train/a.npz": Episodes(np.zeros(1), np.zeros(1))}, {})
    assert not list(tmp_path.iterdir())


def test_an_unknown_task_names_the_nearest(project):
    name = write_params()
    with pytest.raises(InputError, match=f"did you mean '{name}'"):
        main(name + "x")


def test_public_data_carry_their_licence(monkeypatch):
    monkeypatch.chdir(ROOT)

    class Options:
        reader = "omniglot"
        source = "data/raw/omniglot"

    about = describe(Options, download(Options.source), omniglot)
    assert (about["name"], about["licence"]) == ("omniglot", "MIT")
    assert "Lake" in about["citation"]
