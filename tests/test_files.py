from __future__ import annotations

from pathlib import Path

import pytest

from lazyleap.files import replacing, write_folder


def test_a_folder_is_replaced_whole_and_nothing_is_left_beside(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", {"old.txt": "1"})
    write_folder(tmp_path / "out", {"new.txt": b"2"})
    assert [(f.name, f.read_bytes()) for f in (tmp_path / "out").iterdir()] == [("new.txt", b"2")]
    assert [f.name for f in tmp_path.iterdir()] == ["out"]


def test_the_old_folder_stays_when_writing_fails(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", {"old.txt": "1"})
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "out") as fresh:
        (fresh / "half" / "a.txt").write_text("2")
    with pytest.raises(FileNotFoundError):
        write_folder(tmp_path / "out", {"no/such/folder.txt": "2"})
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["old.txt"]
    assert [f.name for f in tmp_path.iterdir()] == ["out"]


def test_other_users_may_read_the_result(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", {"a.txt": "1"})
    assert (tmp_path / "out").stat().st_mode & 0o055
