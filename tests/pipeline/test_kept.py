"""Archives of checkpoints, unpacked."""

from __future__ import annotations

import os
import tarfile

from pipeline import kept


def test_an_archive_leaves_files_below_its_place_alone(tmp_path):
    (tmp_path / "file").write_text("content")
    os.utime(tmp_path / "file", (100, 100.5))
    (tmp_path / "link").symlink_to(tmp_path)
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name, what in (("in/file", "file"), ("../out", "file"), ("link", "link")):
            tar.add(tmp_path / what, name)
        tar.add(tmp_path / "file", "link/through")
    kept._unpack(tmp_path / "x.tar", tmp_path / "place")
    found = tmp_path / "place" / "in" / "file"
    assert (found.read_text(), found.stat().st_mtime) == ("content", 100.5)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "through").exists()
    assert not (tmp_path / "place" / "link").is_symlink()
