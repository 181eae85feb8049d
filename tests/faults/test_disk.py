"""A disk that is full or read-only: one sentence with the path, and nothing finished is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from lazyleap.datasets import store
from lazyleap.errors import DiskError
from lazyleap.files import refuses, replacing, write_folder
from lazyleap.items import Items
from lazyleap.training import checkpoint
from lazyleap.training.loop import Progress
from pipeline import cli
from stages import program, scratch, stored
from stages.board import Board
from tests.conftest import RUNS, edit
from tests.faults import disks
from tests.handmade import images

CPU = torch.device("cpu")
BIG = {"theta": torch.randn(200_000)}


@contextmanager
def mounted(folder, size):
    """A disk of so many bytes; the test is skipped where nothing may be mounted."""
    try:
        with disks.mounted(folder, size) as disk:
            yield disk
    except disks.NoLeaveError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["full", "read-only"])
def disk(request, tmp_path):
    """A disk of 256 kB with a folder ``out`` and a checkpoint, which then takes no more."""
    with mounted(tmp_path / "disk", "256k") as folder:
        write_folder(folder / "out", {"a.txt": "finished"})
        checkpoint.save(folder / "work" / "checkpoint.pt", Progress(7), {})
        if request.param == "full":
            with pytest.raises(OSError, match="No space"):
                (folder / "ballast").write_bytes(bytes(2**20))
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield folder


def events(folder):
    with closing(Board(folder / "work")) as board:
        board.log(0, {"train/loss": 1.0})


def claim(folder):
    with scratch.claimed(folder / "work" / "new"):
        pass


def half(folder):
    with replacing(folder / "out") as fresh:
        np.save(fresh / "a.npy", np.ones(100_000))


def items(folder):
    with replacing(folder / "out") as fresh:
        Items({"error": np.random.default_rng(0).random(100_000)}).save(fresh / "items.npz")


WRITERS = {
    "checkpoint": lambda f: checkpoint.save(f / "work" / "checkpoint.pt", Progress(9), BIG),
    "events": events,
    "lock": claim,
    "arrays": half,
    "items": items,
    "prepared images": lambda f: store.save(f / "out", {"train": images(0, [300, 300], 28)}, {}),
    "report, export, theta": lambda f: write_folder(f / "out", {"a.txt": "x" * 2**20}),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("writer", WRITERS)
def test_a_writer_says_so_and_keeps_what_there_was(writer, disk):
    if writer == "lock" and (disk / "ballast").exists():
        pytest.skip("an empty file has room on a full disk")
    with pytest.raises(DiskError) as refused:
        WRITERS[writer](disk)
    words = str(refused.value)
    assert words.startswith(str(disk))
    assert "No space left" in words or "Read-only" in words or "requested and" in words
    assert "\n" not in words
    assert (disk / "out" / "a.txt").read_text() == "finished"
    assert checkpoint.load(disk / "work" / "checkpoint.pt", CPU)[0].iteration == 7
    assert {f.name for f in disk.iterdir()} <= {"out", "work", "ballast"}


def test_a_program_ends_with_the_sentence_and_a_code_of_its_own(monkeypatch, capsys):
    def command() -> None:
        raise OSError(28, "No space left on device", "somewhere/file")

    monkeypatch.setattr(sys, "argv", ["stage"])
    with pytest.raises(SystemExit) as ended:
        program.run(command)
    assert ended.value.code == program.DISK
    said = capsys.readouterr().err
    assert said.startswith("error: somewhere/file: cannot be written (No space left on device)")
    assert "Traceback" not in said


def test_the_command_line_ends_so_too(monkeypatch, capsys):
    def full() -> None:
        raise OSError(28, "No space left on device", "logs/prefect.log")

    monkeypatch.setattr(cli, "app", full)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == program.DISK
    said = capsys.readouterr().err
    assert said.startswith("error: logs/prefect.log: cannot be written (No space left on device)")
    assert said.count("\n") == 1


def test_what_is_stored_is_told_by_the_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / ".dvc" / "cache" / "files" / "md5" / "ab"
    place.mkdir(parents=True)
    (place / "c.dir").write_text(json.dumps([{"md5": "abd", "relpath": "x"}]))
    assert not stored.is_stored("abc.dir")  # one of its files is missing
    (place / "d").touch()
    assert stored.is_stored("abc.dir")
    assert not stored.is_stored("")
    assert refuses(stored.cache()) == ""


def dvc(*words):
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    command = [sys.executable, "-m", "dvc", "repro", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.system
@pytest.mark.parametrize("size", ["40k", "100k"])
def test_a_full_cache_fails_and_the_next_run_trains_nothing_again(size, project):
    def one(params):
        params["runs"] = {RUNS[0]: params["runs"][RUNS[0]]}

    edit(project / "params.yaml", one)
    with mounted(project / ".dvc" / "cache", size) as cache:
        first = dvc()
        assert first.returncode, first.stdout + first.stderr
        trained = "train " + RUNS[0] in first.stderr
        assert not trained or list(Path(".scratch/quick").glob(f"{RUNS[0]}/*/checkpoint.pt"))
        subprocess.run(["mount", "-o", "remount,size=100m", str(cache)], check=True)
        second = dvc()
        assert second.returncode == 0, second.stdout + second.stderr
        record = json.loads(Path(f"artifacts/record/quick/{RUNS[0]}/record.json").read_text())
        assert record["resumed"] == trained
        assert not list(Path(".scratch").rglob("checkpoint.pt"))
