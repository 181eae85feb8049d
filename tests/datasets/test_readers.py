"""The readers of Omniglot and MNIST on small files of the public formats, made here."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lazyleap.datasets import options, read
from lazyleap.errors import InputError


def png(pixels, mode="L"):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).convert(mode).save(buffer, "png")
    return buffer.getvalue()


# ---- Omniglot


def drawing(row):
    """White paper, one black line in the row's fifteenth, as 1-bit PNG."""
    pixels = np.full((105, 105), 255)
    pixels[row * 15 : row * 15 + 15, :52] = 0
    return png(pixels, "1")


@pytest.fixture
def omniglot(tmp_path):
    parts = {"background": ("Greek", "Latin"), "evaluation": ("Tengwar",)}
    for part, alphabets in parts.items():
        with zipfile.ZipFile(tmp_path / f"images_{part}.zip", "w") as archive:
            for alphabet in alphabets:
                for number in range(1, 3):
                    for copy in range(3):
                        name = f"{alphabet}/character{number:02}/{copy}.png"
                        archive.writestr(f"images_{part}/{name}", drawing(number))
            archive.writestr(f"__MACOSX/images_{part}/Greek/character01/._0.png", b"junk")
    lists = {
        "train": "Greek/character01/rot000\nGreek/character01/rot090\nTengwar/character02\n",
        "val": "Latin/character01/rot000\n",
        "test": "Tengwar/character01/rot180\n",
    }
    for split, text in lists.items():
        (tmp_path / f"{split}.txt").write_text(text)
    return tmp_path


def read_omniglot(folder, size=28):
    block = options.Omniglot(reader="omniglot", source=str(folder), splits=str(folder), size=size)
    return read(block, Path())


def test_omniglot_shapes_and_labels(omniglot):
    sets = read_omniglot(omniglot)
    assert sets["train"].images.shape == (9, 1, 28, 28)
    assert sets["train"].labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert sets["val"].classes == ("Latin/character01/rot000",)


def test_omniglot_ink_is_bright(omniglot):
    image = read_omniglot(omniglot, 105)["val"].images[0, 0]
    assert (image[15:30, :52] == 255).all()
    assert image.astype(int).sum() == 255 * 15 * 52


def test_omniglot_rotations_are_quarter_turns(omniglot):
    sets = read_omniglot(omniglot)
    upright, turned = sets["train"].images[0, 0], sets["train"].images[3, 0]
    np.testing.assert_array_equal(turned, np.rot90(upright))
    assert not np.array_equal(turned, upright)


def test_omniglot_truncated_zip_is_one_sentence(omniglot):
    path = omniglot / "images_evaluation.zip"
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(InputError, match=r"images_evaluation\.zip is truncated or damaged"):
        read_omniglot(omniglot)


def test_omniglot_damaged_image_is_one_sentence(omniglot):
    path = omniglot / "images_evaluation.zip"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 4] ^= 0xFF
    path.write_bytes(bytes(raw))
    with pytest.raises(InputError, match=r"images_evaluation\.zip"):
        read_omniglot(omniglot)


def test_omniglot_unknown_class_names_the_nearest(omniglot):
    (omniglot / "val.txt").write_text("Latin/character1\n")
    with pytest.raises(InputError, match="did you mean 'Latin/character01'"):
        read_omniglot(omniglot)


def test_omniglot_odd_rotation_is_refused(omniglot):
    (omniglot / "val.txt").write_text("Latin/character01/rot045\n")
    with pytest.raises(InputError, match="quarter turn"):
        read_omniglot(omniglot)


def test_a_missing_list_is_named(omniglot):
    (omniglot / "val.txt").unlink()
    with pytest.raises(InputError, match=r"val\.txt does not exist"):
        read_omniglot(omniglot)


def test_a_missing_source_is_named(omniglot):
    with pytest.raises(InputError, match="nowhere' of reader 'omniglot' does not exist"):
        read_omniglot(omniglot / "nowhere")


# ---- MNIST


def idx(array):
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


@pytest.fixture
def mnist(tmp_path):
    for seed, prefix in enumerate(("train", "t10k")):
        images = np.random.default_rng(seed).integers(0, 256, (4, 28, 28))
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(images))
        (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(np.array([7, 0, 9, 1])))
    return tmp_path


def read_mnist(folder):
    return read(options.Mnist(reader="mnist", source=str(folder)), Path())


def test_mnist_reads_idx(mnist):
    sets = read_mnist(mnist)
    want = np.random.default_rng(0).integers(0, 256, (4, 28, 28))
    np.testing.assert_array_equal(sets["train"].images[:, 0], want)
    assert sets["test"].labels.tolist() == [7, 0, 9, 1]


@pytest.mark.parametrize(
    ("name", "raw", "sentence"),
    [
        ("train-images-idx3-ubyte.gz", gzip.compress(b"nothing"), "is not an IDX file"),
        ("train-images-idx3-ubyte.gz", idx(np.zeros((4, 28, 28)))[:-20], "truncated or damaged"),
        (
            "t10k-images-idx3-ubyte.gz",
            gzip.compress(gzip.decompress(idx(np.zeros((4, 28, 28))))[:-5]),
            r"is truncated: 3131 values for shape \[4, 28, 28\]",
        ),
        ("t10k-labels-idx1-ubyte.gz", idx(np.zeros(3)), "has 3 labels for 4 images"),
        ("t10k-labels-idx1-ubyte.gz", idx(np.full(4, 10)), "label 10 is outside"),
    ],
    ids=["foreign", "cut-gzip", "cut-values", "counts", "label"],
)
def test_mnist_broken_file_is_named(mnist, name, raw, sentence):
    (mnist / name).write_bytes(raw)
    with pytest.raises(InputError, match=sentence) as caught:
        read_mnist(mnist)
    assert name in str(caught.value)
