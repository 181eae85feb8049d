"""Kill what trains, again and again, and look whether the end is the same to the bit."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import RUNS, _small, commit, copy, edit

RUN = RUNS[0]
TRAIN = (sys.executable, "-m", "stages.train", RUN)
DVC = (sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--force", "--single-item")
CHAIN = (*DVC, f"train@{RUN}", f"evaluate@{RUN}")
KINDS = {  # what is started, the signal, and whether it goes to all its processes
    "SIGKILL of training": (TRAIN, signal.SIGKILL, False),
    "SIGTERM of training": (TRAIN, signal.SIGTERM, False),
    "SIGINT of training": (TRAIN, signal.SIGINT, False),
    "SIGKILL of DVC and its stage": (CHAIN, signal.SIGKILL, True),
    "SIGKILL of DVC alone": (CHAIN, signal.SIGKILL, False),
    "SIGINT of DVC and its stage": (CHAIN, signal.SIGINT, True),
}
LIMIT = 180  # seconds


def lay_out(folder: Path) -> bytes:
    """A project in ``folder``, which becomes the current one; what its run ends with."""
    copy(folder)

    def longer(params: dict) -> None:
        _small(params)
        params["runs"] = {RUN: params["runs"][RUN]}
        params["tasks"]["glyphs"]["training"].update(meta_iterations=120, validate_every=5)

    edit(folder / "params.yaml", longer)
    commit(folder)
    os.chdir(folder)
    call((sys.executable, "-m", "dvc", "repro", "--quiet", f"evaluate@{RUN}"))
    return made()


def made() -> bytes:
    """The bytes that a setting decides: parameters, their description, the test's scores."""
    trained, tested = Path("artifacts/train/quick") / RUN, Path("artifacts/evaluate/quick") / RUN
    files = (trained / "theta.safetensors", trained / "setting.json", tested / "metrics.json")
    return b"\0".join(path.read_bytes() for path in files)


def series(kind: str, number: int, kills: int, wanted: bytes) -> int:
    """Kill a training so often, from the start on, then let it end; how many met it alive.

    Raises:
        AssertionError: if it does not end, or with other bytes, or leaves something behind.
    """
    command, sign, everyone = KINDS[kind]
    chance, met = random.Random(f"{kind} {number}"), 0
    shutil.rmtree(".scratch", ignore_errors=True)
    shutil.rmtree(Path("artifacts/train/quick") / RUN, ignore_errors=True)
    for _ in range(kills):
        met += _killed(command, sign, everyone, chance.uniform(1.0, 7.0))
    call(CHAIN)
    assert made() == wanted, f"{kind} {number}: other bytes"
    left = [path for path in Path("artifacts").rglob(".*") if path.is_dir()]
    assert not left, f"{kind} {number}: {left[0]} is left behind"
    return met


def _killed(command: tuple[str, ...], sign: int, everyone: bool, seconds: float) -> bool:
    process = subprocess.Popen(
        command,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(seconds)
    alive = process.poll() is None
    if alive:
        (os.killpg if everyone else os.kill)(process.pid, sign)
    process.wait(timeout=LIMIT)
    return alive


def call(command: tuple[str, ...]) -> None:
    """Until it ends well; an orphan that DVC left may hold the lock for a second or two."""
    for _ in range(10):
        done = subprocess.run(
            command, env=_environment(), capture_output=True, text=True, timeout=LIMIT
        )
        if done.returncode == 0:
            return
        assert "Traceback" not in done.stderr, done.stderr
        assert "another process is at work" in done.stderr + done.stdout, done.stderr + done.stdout
        time.sleep(1)
    raise AssertionError(done.stderr)


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "LAZYLEAP_PROGRESS_SECONDS": "0"}
