"""The readers of CIFAR and its few-shot splits on small archives of the public format."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from lazyleap.datasets import options, read
from lazyleap.errors import InputError


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
