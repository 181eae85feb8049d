"""The train stage under the real DVC: killed in the middle, changed and put back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import edit
from tests.stages.test_train import RECORD, RUN, TRAINED, longer, wait_for

pytestmark = pytest.mark.system

DVC = [sys.executable, "-m", "dvc"]


@pytest.fixture(autouse=True)
def _activated(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an activated environment: the stages' ``python`` is this one."""
    folder = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join([folder, os.environ["PATH"]]))


def repro(*arguments: str) -> str:
    done = subprocess.run([*DVC, "repro", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def trained() -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in TRAINED.iterdir()}


def kill_in_the_middle(group: bool) -> None:
    """kill -9 of DVC with its stage, or of DVC alone, once a checkpoint is there."""
    checkpoints = Path(".scratch/quick").glob
    command = [*DVC, "repro", f"train@{RUN}"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, start_new_session=True, stdout=quiet, stderr=quiet) as dvc:
        try:
            wait_for(lambda: list(checkpoints(f"{RUN}/*/checkpoint.pt")), seconds=300)
        finally:
            (os.killpg if group else os.kill)(dvc.pid, signal.SIGKILL)
    assert dvc.returncode == -signal.SIGKILL
    assert not TRAINED.exists()


def test_killed_in_the_middle_repro_goes_on_and_ends_with_the_same_bytes(project: Path) -> None:
    edit(project / "params.yaml", lambda p: longer(p, 300))
    repro("prepare@glyphs")
    kill_in_the_middle(group=True)
    kill_in_the_middle(group=False)
    repro(f"train@{RUN}")
    assert json.loads((RECORD / "record.json").read_text())["resumed"] >= 1
    killed = trained()
    repro("--force", "--single-item", f"train@{RUN}")
    assert json.loads((RECORD / "record.json").read_text())["resumed"] == 0
    assert trained() == killed


def test_one_changed_horizon_trains_one_run_and_put_back_none(project: Path) -> None:
    repro()
    before = trained()
    edit(project / "params.yaml", lambda p: p["runs"][RUN].update(horizon=3))
    assert ran(repro()) == {
        "validate@params", f"train@{RUN}", f"evaluate@{RUN}", f"export@{RUN}", "report"
    }  # fmt: skip
    assert trained() != before
    edit(project / "params.yaml", lambda p: p["runs"][RUN].update(horizon=5))
    assert ran(repro()) <= {"report"}  # whose tables are git's, not the cache's
    assert trained() == before


def ran(output: str) -> set[str]:
    return set(re.findall(r"^Running stage '(.+?)':$", output, re.MULTILINE))
