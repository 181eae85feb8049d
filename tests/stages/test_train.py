"""The train stage as its user has it: a program that can be stopped at any moment."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import copy
from tests.tags import ALL, defined, logged

pytestmark = pytest.mark.system

RUN = "maml-lazy-k5"
TRAINED = Path("artifacts/train/quick") / RUN
RECORD = Path("artifacts/record/quick") / RUN


def stage(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"stages.{name}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def longer(params: dict, iterations: int = 60) -> None:
    params["tasks"]["glyphs"]["training"].update(meta_iterations=iterations, validate_every=4)


def start_and_kill(after: int) -> None:
    """Train in the background and kill -9 once a checkpoint and ``after`` iterations are there."""
    command = [sys.executable, "-m", "stages.train", RUN]
    environment = os.environ | {"LAZYLEAP_PROGRESS_SECONDS": "0"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if (found := re.search(r" (\d+)/\d+ ", line)) and int(found[1]) >= after:
                child.send_signal(signal.SIGKILL)
                break
        child.wait()
    assert child.returncode == -signal.SIGKILL
    assert not TRAINED.exists()
    assert list(Path(".scratch/quick").glob(f"{RUN}/*/checkpoint.pt"))


def scalars(folder: Path) -> dict[str, list[int]]:
    assert logged(folder) == defined(ALL, "Of few-shot learning")
    assert [f for f in folder.rglob("*") if f.is_dir()] == []  # add_hparams would make one


def test_stage_ends_when_dvc_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An orphan would hold the run's lock and train against the next repro."""
    folder = copy(tmp_path / "project")
    monkeypatch.chdir(folder)
    watched = (
        "import time; from stages.scratch import end_with_parent; end_with_parent();"
        "print('up', flush=True); time.sleep(60)"
    )
    launcher = (
        "import subprocess, sys;"
        "p = subprocess.Popen([sys.executable, '-c', sys.argv[1]]); print(p.pid, flush=True);"
        "p.wait()"
    )
    command = [sys.executable, "-c", launcher, watched]
    environment = os.environ | {"DVC_STAGE": "train"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert parent.stdout.readline() == "up\n"
        parent.kill()
    wait_for(lambda: not alive(child))


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
