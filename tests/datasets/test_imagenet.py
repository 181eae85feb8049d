"""miniImageNet and tieredImageNet: from folders of ImageNet and their lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazyleap.datasets import options, read
from lazyleap.errors import InputError
from tests.datasets.test_image_folders import paint


def read_imagenet(folder, reader, images_per_class=5):
    block = options.ImageNet(
        reader=reader,
        source=str(folder / "images"),
        splits=str(folder),
        size=8,
        images_per_class=images_per_class,
    )
    return read(block, Path())


@pytest.fixture
def imagenet(tmp_path):
    """Three classes as ImageNet names their files; numbers are not padded."""
    for offset, wordnet in enumerate(("n01", "n02", "n03")):
        for rank, number in enumerate((2, 10, 33)):
            value = (offset * 60 + rank * 10, 0, 0)
            paint(tmp_path / "images" / wordnet / f"{wordnet}_{number}.JPEG", value, (30, 16))
    return tmp_path


def mini_lists(folder, rows):
    for split, text in rows.items():
        (folder / f"{split}.csv").write_text("filename,label\n" + text)


def test_miniimagenet_counts_files_in_order_of_number(imagenet):
    mini_lists(
        imagenet,
        {
            "train": "n0100000003.jpg,n01\nn0100000001.jpg,n01\n",
            "val": "n0200000002.jpg,n02\n",
            "test": "n0300000001.jpg,n03\n",
        },
    )
    sets = read_imagenet(imagenet, "miniimagenet")
    assert sets["train"].classes == ("n01",)
    red = [int(image[0].mean()) for image in sets["train"].images]
    assert abs(red[0] - 20) <= 3
    assert abs(red[1] - 0) <= 3
    assert abs(int(sets["val"].images[0, 0].mean()) - 70) <= 3


def test_miniimagenet_takes_files_named_as_in_the_list(tmp_path):
    rows = {split: f"{split}1.png,{split}\n" for split in ("train", "val", "test")}
    mini_lists(tmp_path, rows)
    for split in rows:
        paint(tmp_path / "images" / f"{split}1.png", (50, 60, 70))
    images = read_imagenet(tmp_path, "miniimagenet")["test"].images
    assert images[0, :, 0, 0].tolist() == [50, 60, 70]


def test_miniimagenet_names_a_class_with_too_few_files(imagenet):
    mini_lists(imagenet, dict.fromkeys(("train", "val", "test"), "n0100000004.jpg,n01\n"))
    with pytest.raises(InputError, match="n01 has 3 images, the list names number 4"):
        read_imagenet(imagenet, "miniimagenet")


def test_tieredimagenet_takes_whole_classes(imagenet):
    for split, name in (("train", "n01"), ("val", "n02"), ("test", "n03")):
        (imagenet / f"{split}.csv").write_text(f"{name},n99\n")
    sets = read_imagenet(imagenet, "tieredimagenet", images_per_class=2)
    assert sets["val"].images.shape == (2, 3, 8, 8)
    assert sets["test"].classes == ("n03",)


def test_tieredimagenet_names_a_missing_class(imagenet):
    for split in ("train", "val", "test"):
        (imagenet / f"{split}.csv").write_text("n04,n99\n")
    with pytest.raises(InputError, match=r"class folder .*n04 is missing"):
        read_imagenet(imagenet, "tieredimagenet")
