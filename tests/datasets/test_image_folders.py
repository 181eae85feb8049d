"""A user's images: any folder, and ImageNet's."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from lazyleap.datasets import images, options, read
from lazyleap.errors import InputError


def paint(path, value, size=(20, 12), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, value).convert(mode).save(path)


def read_folder(folder, **changes):
    block = {
        "reader": "image-folder",
        "source": str(folder),
        "size": 8,
        "channels": 3,
        "min_images": 2,
        **changes,
    }
    return read(options.ImageFolder(**block), Path())


@pytest.fixture
def divided(tmp_path):
    for split in ("train", "val", "test"):
        for value, name in ((10, "cat"), (200, "dog")):
            for number in range(2):
                paint(tmp_path / split / f"{split}-{name}" / f"{number}.png", (value, 0, 0))
    return tmp_path


@pytest.fixture
def undivided(tmp_path):
    for index in range(10):
        for number in range(2):
            paint(tmp_path / f"class{index}" / f"{number}.jpg", (index * 20,) * 3)
    return tmp_path


SHARES = options.Fractions(train=0.6, val=0.2, test=0.2, seed=1)


def test_a_divided_folder_is_taken_as_it_is(divided):
    sets = read_folder(divided)
    assert sets["val"].classes == ("val-cat", "val-dog")
    assert sets["val"].labels.tolist() == [0, 0, 1, 1]
    assert sets["val"].images.shape == (4, 3, 8, 8)
    assert sets["val"].images[:, 0, 4, 4].tolist() == [10, 10, 200, 200]
    assert not sets["val"].images[:, 1:].any()


def test_val_may_be_missing(divided):
    (divided / "val").rename(divided / ".val")
    assert set(read_folder(divided)) == {"train", "test"}


def test_grey(divided):
    images = read_folder(divided, channels=1)["train"].images
    assert images.shape == (4, 1, 8, 8)
    assert images[2, 0, 4, 4] == round(200 * 0.299)


def test_an_undivided_folder_is_divided_by_class(undivided):
    sets = read_folder(undivided, fractions=SHARES)
    names = [set(sets[split].classes) for split in ("train", "val", "test")]
    assert [len(part) for part in names] == [6, 2, 2]
    assert len(set.union(*names)) == 10


def test_the_division_follows_the_seed(undivided):
    def classes(seed):
        shares = SHARES.model_copy(update={"seed": seed})
        return read_folder(undivided, fractions=shares)["test"].classes

    assert classes(1) == classes(1)
    assert len({classes(seed) for seed in range(5)}) > 1


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "CMYK", "I;16"])
def test_any_mode_of_image_is_read(undivided, mode):
    suffix = "jpg" if mode == "CMYK" else "png"
    path = undivided / "class0" / f"9.{suffix}"
    if mode == "I;16":
        Image.fromarray(np.full((9, 9), 0xFFFF, np.uint16)).save(path)
    else:
        paint(path, (255, 255, 255), mode=mode)
    sets = read_folder(undivided, fractions=SHARES)
    part = next(part for part in sets.values() if "class0" in part.classes)
    images = part.images[part.labels == part.classes.index("class0")]
    assert (images[-1] >= 250).all()


def test_transparent_is_white(undivided):
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(undivided / "class0" / "9.png")
    sets = read_folder(undivided, fractions=SHARES)
    assert any((image == 255).all() for part in sets.values() for image in part.images)


@pytest.mark.parametrize("keep", [0, 30, 45])
def test_an_unreadable_image_is_named(divided, keep):
    path = divided / "test" / "test-dog" / "1.png"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"image .*test-dog/1\.png cannot be read"):
        read_folder(divided)


def test_libtiff_says_nothing_beside_the_error(tmp_path, capfd):
    """It would write without the name of the file, straight to the terminal."""
    whole = np.random.default_rng(0).integers(0, 9, (64, 64), np.uint8)
    path = tmp_path / "spoilt.tif"
    Image.fromarray(whole).save(path, compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    data[200:230] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"spoilt\.tif cannot be read"):
        images.decode(path, 8, 1, crop=True)
    assert capfd.readouterr().err == ""


def test_a_class_with_too_few_images_is_named(divided):
    (divided / "train" / "train-cat" / "0.png").unlink()
    with pytest.raises(InputError, match="train-cat has 1 images, min_images is 2"):
        read_folder(divided)


def test_fractions_for_a_divided_folder_are_refused(divided):
    with pytest.raises(InputError, match=r"fractions: .* is divided already"):
        read_folder(divided, fractions=SHARES)


def test_an_undivided_folder_needs_fractions(undivided):
    with pytest.raises(InputError, match="give fractions"):
        read_folder(undivided)


def lists(folder, **splits):
    folder.mkdir(exist_ok=True)
    for split, names in splits.items():
        (folder / f"{split}.txt").write_text("\n".join(names) + "\n")
    return str(folder)


def test_lists_say_which_class_is_in_which_split(undivided, tmp_path):
    (undivided / "class9").rename(undivided / "with a space")
    given = lists(
        tmp_path / "lists",
        train=["class2", "with a space"],
        val=["class0"],
        test=["class7", "class1"],
    )
    sets = read_folder(undivided, lists=given)
    assert {split: part.classes for split, part in sets.items()} == {
        "train": ("class2", "with a space"),
        "val": ("class0",),
        "test": ("class7", "class1"),
    }
    assert [int(sets["test"].images[i].mean()) for i in (0, 2)] == [140, 20]


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        (
            {"train": ["class1"], "val": ["class2"], "test": ["clas3"]},
            "has no folder 'clas3'; did you",
        ),
        (
            {"train": ["class1"], "val": ["class2"], "test": ["class1"]},
            "'class1' is in train and in t",
        ),
        ({"train": ["class1"], "val": ["class2"]}, r"test\.txt does not exist"),
        ({"train": ["class1"], "val": [""], "test": ["class3"]}, r"val\.txt is empty"),
    ],
)
def test_lists_that_cannot_be_are_refused(undivided, tmp_path, splits, words):
    with pytest.raises(InputError, match=words):
        read_folder(undivided, lists=lists(tmp_path / "lists", **splits))


def test_two_ways_to_divide_are_refused(undivided):
    with pytest.raises(ValidationError, match=r"fractions and lists: .*give one of them"):
        read_folder(undivided, fractions=SHARES, lists="lists")


def test_too_few_classes_to_divide(divided):
    with pytest.raises(InputError, match=r"2 classes of .* are too few to divide"):
        read_folder(divided / "train", fractions=SHARES)


def test_reading_holds_the_images_once(tmp_path):
    """Not a list of them, then one array a class, then one of all; but for what workers are at."""
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        for i in range(4):
            Image.new("RGB", (4, 4), (i, 0, 0)).save(folder / f"{i}.png")
    tracemalloc.start()
    try:
        paths = [path for name in ("a", "b") for path in images.files(tmp_path / name)] * 60
        found = images.stack(paths, 64, 3, crop=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found[3, 0].max() == 3
    assert peak < 1.4 * found.nbytes
