"""What is digested of an archive: its content, whatever container holds it."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from lazyleap.datasets.content import check, digest, unpack
from lazyleap.datasets.registry import File, Part
from lazyleap.errors import InputError

NOTHING = "0" * 64


def zipped(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, raw in members:
            archive.writestr(name, raw)
    return unpack(path, "zip")


def tree(members):
    return digest(Part(members="*.png", digest="tree", sha256=NOTHING), members)


def test_a_tree_is_told_by_names_and_bytes_only(tmp_path):
    base = [("a/1.png", b"x"), ("a/2.png", b"y")]
    same = zipped(tmp_path / "b.zip", [*base[::-1], ("read.me", b"")], zipfile.ZIP_DEFLATED)
    junk = zipped(tmp_path / "c.zip", [*base, ("__MACOSX/a/._1.png", b"z")])
    moved = zipped(tmp_path / "d.zip", [("a/1.png", b"xy"), ("a/2.png", b"")])
    named = zipped(tmp_path / "e.zip", [("a/1.png", b"x"), ("a/3.png", b"y")])
    want = tree(zipped(tmp_path / "a.zip", base))
    assert tree(same) == tree(junk) == want
    assert want not in (tree(moved), tree(named))


def test_records_are_told_in_any_order():
    part = Part(members="*.bin", digest="records", record_bytes=2, sha256=NOTHING)
    want = digest(part, {"t/a.bin": b"aabbcc"})
    assert digest(part, {"other/a.bin": b"ccaabb"}) == want
    assert digest(part, {"t/a.bin": b"aabbcd"}) != want
    assert digest(part, {"t/a.bin": b"aabbccaa"}) != want


def test_lines_are_told_without_line_ends():
    part = Part(members="names.txt", digest="lines", sha256=NOTHING)
    want = digest(part, {"names.txt": b"ant\nbee\n"})
    assert digest(part, {"names.txt": b"ant\r\nbee\r\n\r\n"}) == want
    assert digest(part, {"names.txt": b"bee\nant\n"}) != want


def test_a_missing_member_does_not_pass(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("x/other.bin"), io.BytesIO())
    content = [{"members": "*/train.bin", "digest": "bytes", "sha256": NOTHING}]
    about = {"address": "http://x", "size": "1 KiB", "container": "tar.gz", "archives": []}
    file = File.model_validate({**about, "content": content})
    with pytest.raises(InputError, match=r"'\*/train\.bin' has bytes sha256"):
        check(tmp_path / "a.tar.gz", file)
