from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import ImageSet, digest, load, moments, save
from lazyleap.errors import InputError


def image_set(seed=0, count=6, classes=3, channels=1):
    images = np.random.default_rng(seed).integers(0, 256, (count, channels, 8, 8), dtype=np.uint8)
    labels = np.arange(count, dtype=np.int64) % classes
    return ImageSet(images, labels, tuple(f"class{i}" for i in range(classes)))


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "made", {"train": image_set(0), "val": image_set(1)}, {"name": "toy"})
    return tmp_path / "made"


def test_a_saved_dataset_comes_back(folder):
    prepared, want = load(folder), image_set(1)
    got = prepared.split("val")
    np.testing.assert_array_equal(got.images, want.images)
    np.testing.assert_array_equal(got.labels, want.labels)
    assert got.classes == want.classes
    assert prepared.info["name"] == "toy"


def test_description_matches_the_arrays(folder):
    info, pixels = load(folder).info, image_set(0).images / 255
    assert info["splits"]["train"] == {"images": 6, "classes": ["class0", "class1", "class2"]}
    assert (info["channels"], info["height"], info["width"]) == (1, 8, 8)
    assert info["mean"][0] == pytest.approx(pixels.mean(), abs=1e-6)
    assert info["std"][0] == pytest.approx(pixels.std(), abs=1e-6)


def test_moments_are_by_channel():
    images = np.stack([np.zeros((5, 4, 4)), np.full((5, 4, 4), 255)], axis=1).astype(np.uint8)
    assert moments(images) == ([0.0, 1.0], [0.0, 0.0])


def test_a_test_folder_keeps_the_moments_of_training(tmp_path):
    save(tmp_path / "test", {"test": image_set(2)}, {"mean": [0.25], "std": [0.5]})
    assert load(tmp_path / "test").info["mean"] == [0.25]


def test_digest_follows_every_pixel_label_and_name():
    base = image_set()
    pixel = base.images.copy()
    pixel[0, 0, 0, 0] ^= 1
    label = base.labels.copy()
    label[0] = 2
    changed = [
        ImageSet(pixel, base.labels, base.classes),
        ImageSet(base.images, label, base.classes),
        ImageSet(base.images, base.labels, ("class0", "class1", "other")),
    ]
    digests = {digest({"train": part}) for part in [base, *changed]}
    assert len(digests) == 4
    assert digest({"train": image_set()}) == digest({"train": base})


def test_saving_again_replaces_the_whole_folder(folder):
    save(folder, {"train": image_set(5)}, {})
    assert sorted(path.name for path in folder.iterdir()) == [
        "dataset.json",
        "train_images.npy",
        "train_labels.npy",
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["made"]


def test_a_failed_save_leaves_what_was_there(folder):
    before = (folder / "dataset.json").read_bytes()
    with pytest.raises(TypeError):
        save(folder, {"train": image_set(5)}, {"name": object()})
    assert (folder / "dataset.json").read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == ["made"]


@pytest.mark.parametrize("name", ["val_images.npy", "val_labels.npy"])
@pytest.mark.parametrize("keep", [0, 40, -1])
def test_a_truncated_array_is_named(folder, name, keep):
    path = folder / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=name):
        load(folder).split("val")


def test_a_missing_array_is_named(folder):
    (folder / "val_labels.npy").unlink()
    with pytest.raises(InputError, match=r"val_labels\.npy is missing"):
        load(folder).split("val")


def test_labels_outside_the_classes_are_refused(folder):
    np.save(folder / "val_labels.npy", np.full(6, 3, np.int64))
    with pytest.raises(InputError, match=r"labels 3\.\.3 are outside 0\.\.2"):
        load(folder).split("val")


def test_other_shapes_than_described_are_refused(folder):
    np.save(folder / "val_images.npy", np.zeros((6, 3, 8, 8), np.uint8))
    with pytest.raises(InputError, match=r"val_images\.npy holds uint8 \[6, 3, 8, 8\]"):
        load(folder).split("val")


def test_an_unknown_split_names_the_nearest(folder):
    with pytest.raises(InputError, match="did you mean 'train'"):
        load(folder).split("trian")


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"splits": {}})])
def test_a_broken_description_is_named(folder, text):
    (folder / "dataset.json").write_text(text)
    with pytest.raises(InputError, match=r"dataset\.json"):
        load(folder)


def test_an_unprepared_folder_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="there is no such file; prepare the dataset"):
        load(tmp_path)


@pytest.mark.parametrize(
    "part",
    [
        ImageSet(np.zeros((2, 1, 8, 8), np.float32), np.zeros(2, np.int64), ("a",)),
        ImageSet(np.zeros((2, 8, 8), np.uint8), np.zeros(2, np.int64), ("a",)),
        ImageSet(np.zeros((2, 1, 8, 8), np.uint8), np.zeros(3, np.int64), ("a",)),
        ImageSet(np.zeros((2, 1, 8, 8), np.uint8), np.ones(2, np.int64), ("a",)),
    ],
    ids=["float", "three-dimensional", "too-many-labels", "label-out-of-range"],
)
def test_wrong_arrays_are_refused_before_anything_is_written(tmp_path, part):
    with pytest.raises(InputError):
        save(tmp_path / "made", {"train": part}, {})
    assert not list(tmp_path.iterdir())


def test_training_reads_from_the_map_and_leaves_the_file_as_it_is(folder):
    """Data may be larger than memory: no copy of it, and nothing that is written reaches it."""
    part, before = load(folder).split("train"), (folder / "train_images.npy").read_bytes()
    pixels = Pixels(part, [0.0], [1 / 255], torch.device("cpu"))
    chosen = np.array([4, 0])
    np.testing.assert_array_equal(pixels[chosen].numpy().round(), image_set(0).images[chosen])
    part.images[4] = 7  # seen by whoever shares the map, and by nobody else
    assert (pixels[chosen[:1]].round() == 7).all()
    assert (folder / "train_images.npy").read_bytes() == before
