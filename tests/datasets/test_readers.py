"""Readers on small files of the public formats, made here."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
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


# ---- CIFAR


def write_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, raw in members.items():
            info = tarfile.TarInfo(f"folder/{name}")
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))


def records(labels, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), 3072), dtype=np.uint8)
    return np.concatenate([np.asarray(labels, np.uint8), pixels], axis=1)


def cifar100(path, order=None):
    """Four fine classes in two superclasses: 0, 1 in the first, 2, 3 in the second."""
    labels = [[fine // 2, fine] for fine in (3, 1, 0, 2, 2, 0)]
    train = records(labels, 0)
    write_tar(
        path,
        {
            "train.bin": train[order if order else slice(None)].tobytes(),
            "test.bin": records(labels[:4], 1).tobytes(),
            "fine_label_names.txt": b"ant\nbee\ncar\nvan\n",
            "coarse_label_names.txt": b"insects\nvehicles\n",
        },
    )
    return train


@pytest.fixture
def hundred(tmp_path):
    cifar100(tmp_path / "cifar-100-binary.tar.gz")
    return tmp_path


def few_shot(folder, reader, **lists):
    for split, entries in lists.items():
        (folder / f"{split}.json").write_text(json.dumps(entries))
    block = options.FewShotCifar(reader=reader, source=str(folder), splits=str(folder))
    return read(block, Path())


def test_cifar_10_reads_batches_in_order(tmp_path):
    batches = {f"data_batch_{i}.bin": records([[i], [0]], i) for i in range(1, 6)}
    members = {name: rows.tobytes() for name, rows in batches.items()}
    members |= {"test_batch.bin": records([[9]], 9).tobytes()}
    members |= {"batches.meta.txt": "\n".join("abcdefghij").encode() + b"\n\n"}
    write_tar(tmp_path / "cifar-10-binary.tar.gz", members)
    sets = read(options.Cifar(reader="cifar-10", source=str(tmp_path)), Path())
    assert sets["train"].labels.tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
    assert sets["test"].classes == tuple("abcdefghij")
    want = batches["data_batch_2.bin"][0, 1:].reshape(3, 32, 32)
    np.testing.assert_array_equal(sets["train"].images[2], want)


def test_cifar_100_is_the_same_in_any_order(tmp_path):
    sets = []
    for order in ([0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4]):
        cifar100(tmp_path / "cifar-100-binary.tar.gz", order)
        sets.append(read(options.Cifar(reader="cifar-100", source=str(tmp_path)), Path()))
    np.testing.assert_array_equal(sets[0]["train"].images, sets[1]["train"].images)
    assert sets[0]["train"].labels.tolist() == [0, 0, 1, 2, 2, 3]
    assert sets[0]["test"].classes == ("ant", "bee", "car", "van")


def test_cifar_fs_joins_train_and_test_images_of_a_class(hundred):
    sets = few_shot(
        hundred,
        "cifar-fs",
        train=[["vehicles", "van"], ["insects", "ant"]],
        val=[["insects", "bee"]],
        test=[["vehicles", "car"]],
    )
    assert sets["train"].classes == ("van", "ant")
    assert sets["train"].labels.tolist() == [0, 0, 1, 1, 1]
    assert len(sets["test"].images) == 3


def test_cifar_fs_keeps_images_with_their_class(tmp_path):
    train = cifar100(tmp_path / "cifar-100-binary.tar.gz")
    lists = [["vehicles", "van"]], [["insects", "bee"]], [["vehicles", "car"]]
    sets = few_shot(tmp_path, "cifar-fs", train=lists[0], val=lists[1], test=lists[2])
    rows = train[train[:, 1] == 2][:, 2:].reshape(-1, 3, 32, 32)
    got = {image.tobytes() for image in sets["test"].images}
    assert {image.tobytes() for image in rows} < got


def test_fc100_divides_superclasses(hundred):
    sets = few_shot(hundred, "fc100", train=["insects"], val=["vehicles"], test=["vehicles"])
    assert sets["train"].classes == ("ant", "bee")
    assert sets["val"].classes == ("car", "van")


def test_cifar_unknown_class_names_the_nearest(hundred):
    with pytest.raises(InputError, match=r"'vam' of .*train\.json .* did you mean 'van'"):
        few_shot(hundred, "cifar-fs", train=[["vehicles", "vam"]], val=[], test=[])


def test_cifar_list_of_another_shape_is_refused(hundred):
    with pytest.raises(InputError, match=r"entry 'van' must be \[superclass, class\]"):
        few_shot(hundred, "cifar-fs", train=["van"], val=["bee"], test=["car"])


def test_cifar_truncated_archive_is_one_sentence(hundred):
    path = hundred / "cifar-100-binary.tar.gz"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"cifar-100-binary\.tar\.gz is truncated or damaged"):
        few_shot(hundred, "fc100", train=["insects"], val=["vehicles"], test=["vehicles"])


def test_cifar_cut_member_is_one_sentence(tmp_path):
    names = {"fine_label_names.txt": b"ant\n", "coarse_label_names.txt": b"insects\n"}
    cut = records([[0, 0]], 0).tobytes()[:-1]
    write_tar(tmp_path / "cifar-100-binary.tar.gz", {"train.bin": cut, **names})
    with pytest.raises(InputError, match=r"train\.bin has 3073 bytes, no multiple of 3074"):
        read(options.Cifar(reader="cifar-100", source=str(tmp_path)), Path())


def test_cifar_missing_member_is_named(tmp_path):
    write_tar(tmp_path / "cifar-100-binary.tar.gz", {"other.bin": b""})
    with pytest.raises(InputError, match=r"has no file 'train\.bin'"):
        read(options.Cifar(reader="cifar-100", source=str(tmp_path)), Path())


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
