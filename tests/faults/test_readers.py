"""Files from anyone: taken, or one sentence with the path; never a traceback, never gigabytes."""

from __future__ import annotations

import gzip
import io
import json
import random
import resource
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest

from lazyleap.datasets import archives, options, read, splits
from lazyleap.errors import InputError
from tests.conftest import ROOT
from tests.faults.readers import SUBJECTS, attack

MIB = 2**10  # of ru_maxrss, which counts in KiB


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders with each subject's files, made once."""
    found = {}

    def folder(name):
        subject = SUBJECTS[name]
        if subject.make not in found:
            found[subject.make] = tmp_path_factory.mktemp("made")
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(ROOT)
                subject.make(found[subject.make])
        return found[subject.make]

    return folder


def few(name, folder, numbers):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    SUBJECTS[name].read(folder)  # unspoilt it is taken
    tally = attack(SUBJECTS[name], folder, numbers)
    assert tally.refused + tally.taken == len(numbers)
    assert tally.refused
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert taken < 500 * MIB


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_spoilt_file_is_one_sentence(name, made):
    few(name, made(name), range(25))


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBJECTS)
def test_five_hundred_spoilt_files_are(name, made):
    few(name, made(name), range(25, 525))


# ---- damage with a name


SPOILT = {
    "empty": lambda whole: b"",
    "cut off": lambda whole: whole[: len(whole) // 2],
    "random": lambda whole: random.Random(0).randbytes(1000),
}
LISTS = ("split list", "split list, table")  # half of one is a list
DAMAGE = [(n, h) for n in SUBJECTS for h in SPOILT if not (n in LISTS and h == "cut off")]


@pytest.mark.parametrize(("name", "how"), DAMAGE)
def test_an_empty_a_cut_off_and_a_random_file_are_refused(name, how, made):
    path = made(name) / SUBJECTS[name].file
    whole = path.read_bytes()
    path.write_bytes(SPOILT[how](whole))
    try:
        refused(name, made(name), str(path.parent))
    finally:
        path.write_bytes(whole)


def refused(name, folder, sentence):
    subject = SUBJECTS[name]
    with pytest.raises(InputError) as error:
        subject.read(folder)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def fresh(name, folder):
    SUBJECTS[name].make(folder)
    return folder / SUBJECTS[name].file


@pytest.mark.parametrize(("at", "bit", "words"), [(6, 1, "encrypted"), (8, 99, "by method 99")])
def test_a_zip_encrypted_or_packed_otherwise(tmp_path, at, bit, words):
    path = fresh("zip", tmp_path)
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", at), (b"PK\x01\x02", at + 2)):
        start = -1
        while (start := content.find(mark, start + 1)) >= 0:
            content[start + offset] = bit
    path.write_bytes(content)
    refused("zip", tmp_path, words)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_of_a_tar_are_no_files(tmp_path, kind):
    path = fresh("CIFAR (tar)", tmp_path)
    (tmp_path / "secret").write_text("f0\n" * 100)
    with tarfile.open(path) as old:
        parts = {m.name: old.extractfile(m).read() for m in old.getmembers()}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in parts.items():
            member = tarfile.TarInfo(name)
            if "fine" in name:
                member.type, member.linkname = kind, str(tmp_path / "secret")
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    refused("CIFAR (tar)", tmp_path, "has no file 'fine_label_names.txt'")


def test_names_that_lead_elsewhere_write_nothing(tmp_path):
    path = tmp_path / "in" / "a.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        for name in ("../../out", "/out", "in/../../out"):
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
    assert [content for _, content in archives.members(path, "tar.gz")] == [b"abc"] * 3
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "a.tar.gz"]


@pytest.mark.parametrize("name", ["../secret", "/etc", "a/../../secret", "a\0b"])
@pytest.mark.parametrize("reader", ["miniimagenet", "tieredimagenet"])
def test_a_list_names_images_below_its_folder_alone(tmp_path, reader, name):
    rows = {"miniimagenet": f"filename,label\n{name},n01\n", "tieredimagenet": f"{name},things\n"}
    for split in splits.SPLITS:
        (tmp_path / f"{split}.csv").write_text(rows[reader])
    block = {"reader": reader, "size": 84, "images_per_class": 5}
    asked = options.ImageNet(source=str(tmp_path), splits=str(tmp_path), **block)
    with pytest.raises(InputError, match=f"^{tmp_path}/train: .* is not a name below the folder"):
        read(asked, tmp_path)


def test_bombs_are_refused_before_they_are_unpacked(tmp_path):
    """Each would be more than 1 GiB; together they take some MiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    piece = gzip.compress(bytes(2**24), 9)
    (tmp_path / "a.gz").write_bytes(piece * 65)  # a gzip file of many members is one
    head = tarfile.TarInfo("a")
    head.size = 2**31
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(head.tobuf()) + piece * 65)
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(65):
            archive.writestr(f"{i}.png", bytes(2**24))
    for name, container in (("b.tar.gz", "tar.gz"), ("c.zip", "zip")):
        with pytest.raises(InputError, match=r"is refused: it would unpack to more than 1,024 MiB"):
            list(archives.members(tmp_path / name, container))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * MIB


def test_a_gzip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST", 2**22)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(2**24)))
    with pytest.raises(InputError, match="is refused: it would unpack"):
        list(archives.members(tmp_path / "a.gz", "gz"))


def chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def test_an_image_of_absurd_size(tmp_path):
    header = struct.pack(">2I5B", 100_000, 100_000, 8, 0, 0, 0, 0)
    pixels = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    fresh("png", tmp_path).write_bytes(b"\x89PNG\r\n\x1a\n" + pixels)
    refused("png", tmp_path, "cannot be read: ")


def test_idx_of_absurd_size(tmp_path):
    path = fresh("IDX images", tmp_path)
    path.write_bytes(gzip.compress(struct.pack(">4I", 0x803, 2**31, 28, 28) + bytes(784)))
    refused("IDX images", tmp_path, "784 values for shape [2147483648, 28, 28]")


def test_an_array_of_absurd_size(tmp_path):
    path = fresh("npz of items", tmp_path)
    content = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    np.lib.format.write_array_header_1_0(content, shape)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("value:error.npy", content.getvalue())
    refused("npz of items", tmp_path, "has 0 bytes for shape [1000000000000]")


def test_tensors_of_absurd_size(tmp_path):
    path = fresh("safetensors", tmp_path)
    about = json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}})
    path.write_bytes(struct.pack("<Q", len(about)) + about.encode())
    refused("safetensors", tmp_path, "theta.safetensors: cannot be read")
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    refused("safetensors", tmp_path, "theta.safetensors: cannot be read")


def test_text_that_is_not_utf_8(tmp_path):
    for name in ("split list", "split list, JSON", "split list, table", "setting.json"):
        fresh(name, tmp_path).write_bytes(b"caf\xe9")
        with pytest.raises(InputError):
            SUBJECTS[name].read(tmp_path)


def test_a_class_s_folder_that_is_not_utf_8(tmp_path):
    fresh("image folder", tmp_path)
    (tmp_path / "images" / "a").rename(
        tmp_path / "images" / b"\xff".decode(errors="surrogateescape")
    )
    refused("image folder", tmp_path, "has a name that cannot be printed")


@pytest.mark.parametrize("name", ["safetensors", "checkpoint"])
def test_no_bit_may_change(name, tmp_path):
    """Of weights and of a training's state, wherever it is; a header's spaces are no content."""
    path = fresh(name, tmp_path)
    whole = path.read_bytes()
    for at in range(len(whole) // 3, len(whole), len(whole) // 60):
        changed = bytearray(whole)
        changed[at] ^= 4
        path.write_bytes(changed)
        refused(name, tmp_path, str(path))
