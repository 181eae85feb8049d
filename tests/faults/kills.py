"""Kill what makes results, again and again, and look whether the end is the same to the bit."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from tests.conftest import RUNS, _small, commit, copy, edit
from tests.faults.forked import Forked
from tests.pipeline.processes import alive_in

RUN, BYSTANDER = RUNS  # the second is finished, and nothing of it may change
BALLAST = "ballast"  # what fills a disk
LIMIT = 1200  # seconds a process may take to end, on a machine that others use, too
SETTLED = 30  # seconds after which nothing that it started may be left
PYTHON = (sys.executable, "-m")
DVC = (*PYTHON, "dvc", "--wait-for-lock", "repro")
CHAIN = (*DVC, "--force", "--single-item", f"train@{RUN}")
FLOW = (*PYTHON, "pipeline", "run", "--only", RUN)
LOCK, FIRST_LOCK = Path("dvc.lock"), Path(".scratch/first.lock")
OUTS = {
    stage: tuple(Path(f"artifacts/{out}/quick/{RUN}") for out in outs)
    for stage, outs in {"train": ("train", "record"), "evaluate": ("evaluate",)}.items()
} | {
    "export": (Path(f"artifacts/export/quick/{RUN}"),),
    "prepare": (Path("data/prepare/quick/glyphs"),),
}


@dataclass
class Kind:
    """What is started, the signal, and who gets it; what is forgotten before.

    ``seconds``: in which the first is killed; the last ones tell how long it lives here.
    ``share``: of 200 kills.
    """

    command: tuple[str, ...]
    sign: int
    whom: Callable[[psutil.Process], list[int]]
    forgets: tuple[str, ...]
    seconds: float
    share: int


def itself(process: psutil.Process) -> list[int]:
    """The process alone."""
    return [process.pid]


def everyone(process: psutil.Process) -> list[int]:
    """It and all that it started, as by Ctrl-C in a terminal."""
    return [process.pid, *(child.pid for child in process.children(recursive=True))]


def server(process: psutil.Process) -> list[int]:
    """The Prefect server that it started."""
    found = []
    for child in process.children(recursive=True):
        with suppress(psutil.Error):
            words = child.cmdline()
            found += [child.pid] if "uvicorn" in words and "-S" not in words else []
    return found


KILL = signal.SIGKILL
ALL = ("train", "evaluate", "export")
KINDS = {  # a command of two words is a stage, which is forked
    "SIGKILL of a training": Kind(("train", RUN), KILL, itself, ("train",), 3, 40),
    "SIGTERM of a training": Kind(("train", RUN), signal.SIGTERM, itself, ("train",), 3, 20),
    "SIGINT of a training": Kind(("train", RUN), signal.SIGINT, itself, ("train",), 3, 20),
    "SIGKILL of a preparation": Kind(("prepare", "glyphs"), KILL, itself, ("prepare",), 2, 32),
    "SIGKILL of an evaluation": Kind(("evaluate", RUN), KILL, itself, ("evaluate",), 1, 60),
    "SIGKILL of an export": Kind(("export", RUN), KILL, itself, ("export",), 5, 12),
    "SIGKILL of DVC and its stage": Kind(CHAIN, KILL, everyone, ("train",), 10, 4),
    "SIGKILL of DVC alone": Kind(CHAIN, KILL, itself, ("train",), 10, 4),
    "SIGINT of DVC and its stage": Kind(CHAIN, signal.SIGINT, everyone, ("train",), 10, 4),
    "SIGKILL of a flow": Kind(FLOW, KILL, itself, ALL, 30, 4),
    "SIGKILL of Prefect's server": Kind(FLOW, KILL, server, ALL, 30, 3),
}


def lay_out(folder: Path) -> dict[str, str]:
    """A project in ``folder``, which becomes the current one; digests of what it ends with."""
    copy(folder)

    def longer(params: dict) -> None:
        _small(params)
        params["tasks"]["glyphs"]["training"].update(meta_iterations=40, validate_every=5)

    edit(folder / "params.yaml", longer)
    commit(folder)
    os.chdir(folder)
    call((*DVC, "--quiet", *(f"{stage}@{BYSTANDER}" for stage in ALL)))
    Path(".scratch").mkdir(exist_ok=True)
    shutil.copy(LOCK, FIRST_LOCK)
    call((*DVC, "--quiet"))
    return made()


def made() -> dict[str, str]:
    """Digests of all that the settings decide: data, parameters, the test's scores, models."""
    found = {}
    for place in ("data/prepare", "artifacts/train", "artifacts/evaluate", "artifacts/export"):
        for path in sorted(Path(place).rglob("*")):
            if path.is_file() and path.name != BALLAST and "tensorboard" not in path.parts:
                digest = hashlib.md5(path.read_bytes(), usedforsecurity=False)
                found[path.as_posix()] = digest.hexdigest()
    return found


def series(name: str, number: int, kills: int, wanted: dict[str, str]) -> int:
    """Kill one kind so often, from the start on, then let it end; how many met it alive.

    Raises:
        AssertionError: if something is lost or different, a traceback is shown, something hangs
            or is left behind.
    """
    kind, met = KINDS[name], 0
    chance = random.Random(f"{name} {number}")
    forget(kind)
    for _ in range(kills):
        alive = _killed(kind, chance)
        kind.seconds *= 1.05 if alive else 0.8
        met += alive
        if not alive:
            break
    call(kind.command)
    compare(f"{name} {number}", wanted)
    return met


def forget(kind: Kind) -> None:
    """Remove what the kind makes; for a flow, also what DVC knows of it."""
    for stage in kind.forgets:
        for out in OUTS[stage]:
            shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(Path(".scratch/quick") / RUN, ignore_errors=True)
    if kind.forgets == ALL:
        shutil.copy(FIRST_LOCK, LOCK)
        shutil.rmtree(".dvc/cache/runs", ignore_errors=True)


def compare(what: str, wanted: dict[str, str]) -> None:
    """Nothing lost, nothing other, nothing left."""
    found = made()
    lost = [path for path in wanted if path not in found]
    assert not lost, f"lost: {what}: {lost[0]}"
    others = [path for path in found if found[path] != wanted.get(path)]
    assert not others, f"differs: {what}: {others[0]}"
    left = [path for top in ("artifacts", "data") for path in Path(top).rglob(".*-????????")]
    assert not left, f"left: {what}: {left[0]} is left behind"


def _killed(kind: Kind, chance: random.Random) -> bool:
    met = False

    def hurt(pid: int) -> None:
        nonlocal met
        time.sleep(chance.uniform(0.05, kind.seconds))
        met = _signal(kind, pid)

    ended(kind.command, hurt)
    return met


def _start(command: tuple[str, ...], said: IO[str]) -> subprocess.Popen[bytes] | Forked:
    if len(command) == 2:
        return Forked(*command, said)
    return subprocess.Popen(
        command, env=_environment(), stdout=said, stderr=said, start_new_session=True
    )


def _signal(kind: Kind, pid: int) -> bool:
    """Whether somebody was there to get it."""
    met = False
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            for one in kind.whom(process):
                with suppress(ProcessLookupError):
                    os.kill(one, kind.sign)
                    met = True
    return met


def call(command: tuple[str, ...]) -> None:
    """Until it ends well; an orphan that DVC left may hold the lock for a second or two."""
    for _ in range(10):
        code, words = ended(command)
        if code == 0:
            return
        assert "another process is at work" in words, f"lost: {command}: {words[-300:]}"
        time.sleep(1)
    raise AssertionError(f"hangs: {command}: {words[-300:]}")


def ended(command: tuple[str, ...], hurt: Callable[[int], object] = int) -> tuple[int, str]:
    """Start it, let ``hurt`` do something to its process, and wait: exit code, what was said.

    Raises:
        AssertionError: for a traceback, if it hangs, or if something that it started goes on.
    """
    with tempfile.TemporaryFile("w+") as said:
        process = _start(command, said)
        hurt(process.pid)
        try:
            code = process.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise AssertionError(f"hangs: {command}") from error
        said.seek(0)
        words = said.read()
    assert "Traceback" not in words, f"traceback: {words[-500:]}"
    left = alive_in(Path.cwd(), SETTLED)
    assert not left, f"hangs: {left[0]} goes on after {command}"
    return code, words


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path}
