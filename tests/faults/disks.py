"""Disks that are full or read-only, under each folder that the project's programs write to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.faults.kills import (
    BALLAST,
    DVC,
    FLOW,
    KINDS,
    LIMIT,
    PYTHON,
    RUN,
    call,
    compare,
    ended,
    forget,
    server,
)

HOWS = ("full", "read-only")
STAGES = {  # what is written: where, and by what
    "parameters": ("artifacts/validate", "validate"),
    "prepared images": ("data/prepare", "prepare", "glyphs"),
    "checkpoint, events, lock": (".scratch/quick", "train", RUN),
    "theta": ("artifacts/train", "train", RUN),
    "record, event files": ("artifacts/record", "train", RUN),
    "scores": ("artifacts/evaluate", "evaluate", RUN),
    "export": ("artifacts/export", "export", RUN),
    "report": ("results", "report"),
}
HOME, LOG, LATER = "Prefect's database", "Prefect's log", "Prefect's database, once it serves"
CACHE = "DVC's cache"
CASES = [
    *((what, how) for what in (*STAGES, HOME, LOG) for how in HOWS),
    *((what, "full") for what in (LATER, CACHE)),  # what is open cannot be made read-only
]
DISK = 74  # the exit code of a stage


class NoLeaveError(Exception):
    """Nothing may be mounted here: it takes root."""


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A disk of so many bytes.

    Raises:
        NoLeaveError: where nothing may be mounted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        raise NoLeaveError("no leave to mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def on_its_own(folder: Path) -> Iterator[Path]:
    """The folder with what it holds, on a disk of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as beside:
        shutil.copytree(folder, beside, dirs_exist_ok=True)
        with mounted(folder, "64m"):
            shutil.copytree(beside, folder, dirs_exist_ok=True)
            yield folder


def stop(folder: Path, how: str) -> None:
    """From now on the disk takes no more."""
    if how == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        return
    with suppress(OSError), (folder / BALLAST).open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def refuse(what: str, how: str, wanted: dict[str, str]) -> None:
    """Run a program whose disk refuses: one sentence, and nothing lost.

    Raises:
        AssertionError: if it is otherwise.
    """
    if what == CACHE:
        _cache(how, wanted)
        return
    if what in STAGES:
        place, *words = STAGES[what]
        command = (*PYTHON, f"stages.{words[0]}", *words[1:])
        shutil.rmtree(".scratch/quick", ignore_errors=True)
    else:
        place, command = "logs" if what == LOG else os.environ["PREFECT_HOME"], FLOW
        shutil.rmtree("results", ignore_errors=True)  # the rest is up to date
    with on_its_own(Path(place)) as folder:
        if what == LATER:
            code, said = ended(command, lambda pid: _once_it_serves(pid, folder, how))
        else:
            stop(folder, how)
            code, said = ended(command)
        compare(f"{what}, {how}", wanted)
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert (code != 0) == bool(errors), f"code {code}: {what}, {how}: {said}"
    assert what not in STAGES or code == DISK, f"code {code}: {what}, {how}: {said}"
    assert len(errors) < 2, f"sentence: {what}, {how}: {said}"
    assert what not in STAGES or place in errors[0], f"sentence: {what}, {how}: {said}"


def _once_it_serves(pid: int, folder: Path, how: str) -> None:
    until = time.monotonic() + LIMIT
    while not server(psutil.Process(pid)) and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(5)
    stop(folder, how)


def _cache(how: str, wanted: dict[str, str]) -> None:
    """What was trained, but DVC could not store, is not trained again."""
    forget(KINDS["SIGKILL of a flow"])
    with mounted(Path(".dvc/cache"), "100k") as cache:  # empty, or DVC would find all stored
        code, said = ended(DVC)
        assert code, f"lost: DVC's cache, {how}, and DVC says nothing: {said}"
        trained = f"train {RUN}" in said
        subprocess.run(["mount", "-o", "remount,size=100m", str(cache)], check=True)
        call(DVC)
    compare(f"DVC's cache, {how}", wanted)
    record = json.loads(Path(f"artifacts/record/quick/{RUN}/record.json").read_text())
    assert record["resumed"] == trained, f"lost: DVC's cache, {how}: trained from the start"
