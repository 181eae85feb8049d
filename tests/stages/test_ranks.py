"""One training over two processes, as torchrun starts them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from stages import prepare
from tests.conftest import edit
from tests.longtail.project import only_longtail
from tests.stages.test_train import stage

pytestmark = pytest.mark.system

RUN = "maml-lazy-k5"
THETA = Path("artifacts/train/quick") / RUN / "theta.safetensors"
RECORD = Path("artifacts/record/quick") / RUN / "record.json"


def torchrun(*arguments: str, count: int = 2) -> subprocess.CompletedProcess[str]:
    """As a user types it; rounding is float64's where the stage's is float32's."""
    start = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    return subprocess.run(
        [sys.executable, *start, "-m", "stages.train", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def uneven(params: dict) -> None:
    """Three tasks for two processes."""
    params["tasks"]["glyphs"]["training"].update(meta_batch=3, meta_iterations=8)


def test_two_processes_train_as_one_stop_in_time_and_go_on(project: Path) -> None:
    edit(project / "params.yaml", uneven)
    prepare.main("glyphs")
    assert stage("train", RUN).returncode == 0
    alone, shape = load_file(THETA), json.loads(RECORD.read_text())
    shutil.rmtree(project / "artifacts")

    done = torchrun(RUN)
    assert done.returncode == 0, done.stderr
    together, both = load_file(THETA), json.loads(RECORD.read_text())
    assert both["processes"] == 2
    assert shape["processes"] == 1
    for name, p in alone.items():
        np.testing.assert_allclose(together[name], p, rtol=2e-4, atol=2e-5)
    assert any((together[name] != p).any() for name, p in alone.items())  # summed in other orders
    whole = THETA.read_bytes()
    shutil.rmtree(project / "artifacts")

    stopped = torchrun(RUN, "--max-seconds", "0.001")
    assert stopped.stderr.count("error: the time budget of 0.001 s ended after 1 of 8") == 1
    assert not THETA.exists()
    assert torchrun(RUN).returncode == 0
    assert THETA.read_bytes() == whole
    assert json.loads(RECORD.read_text())["resumed"] == 1


def test_more_processes_than_tasks_are_refused(project: Path) -> None:
    prepare.main("glyphs")  # a meta-batch of 2
    refused = torchrun(RUN, count=3)
    assert refused.returncode != 0
    assert "error: 3 processes share a meta-batch of 2 tasks" in refused.stderr


def test_a_training_without_a_meta_batch_is_refused(project: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "params.yaml", project / "params.yaml")
    edit(project / "params.yaml", only_longtail)
    prepare.main("glyphs-lt")
    refused = torchrun("lt-reweight-lazy-k5")
    assert refused.returncode != 0
    assert "training takes its steps in one process, not in 2" in refused.stderr
