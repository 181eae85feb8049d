"""An attack's task under the real DVC, and in the plan of the flow."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lazyleap.classifiers import store
from pipeline.plan import plan
from tests.attack.stages.project import META, SURROGATES, TARGETS, TASK, ZOO, make
from tests.attack.stages.users import CLASSES, SIDE, users_target
from tests.conftest import commit, copy, edit
from tests.tags import ALL, defined, logged

pytestmark = pytest.mark.system


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing prepared yet; the stages' ``python`` is this one."""
    folder = copy(tmp_path / "project")
    make(folder)
    monkeypatch.chdir(commit(folder))
    path = [str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    return folder


def repro(*arguments: str) -> set[str]:
    """Brought up to date by DVC; the stages that ran."""
    command = [sys.executable, "-m", "dvc", "repro", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return set(re.findall(r"^Running stage '(.+?)':$", done.stdout, re.MULTILINE))


def test_the_plan_waits_for_the_classifiers_of_its_task(small):
    wanted = plan()
    names = [
        *(f"surrogate@{name}" for name in SURROGATES),
        *(f"target@{name}" for name in TARGETS),
    ]
    head = wanted.head()
    assert list(head) == ["validate@params", f"prepare@{TASK}", *names]
    assert all(head[name] == [f"prepare@{TASK}"] for name in names)
    assert wanted.needs(ZOO) == [f"prepare@{TASK}", *names]


@pytest.mark.timeout(1200)
def test_only_what_depends_on_a_classifier_runs_again(small):
    ends = [f"evaluate@{META}"]
    first = {f"surrogate@{name}" for name in SURROGATES} | {f"target@{TARGETS[0]}"}
    meta = {f"train@{META}", f"evaluate@{META}"}
    assert repro(*ends) == {"validate@params", f"prepare@{TASK}"} | first | meta

    own = defined("Of attacks") - {"triplets/TARGET"}
    tags = logged(small / f"artifacts/record/quick/{META}/tensorboard")
    assert own <= tags <= own | defined(ALL)

    edit(small / "params.yaml", lambda p: p["targets"][TARGETS[0]].update(seed=7))
    assert repro(*ends) == {"validate@params", f"target@{TARGETS[0]}", f"evaluate@{META}"}

    def change(params):
        params["surrogates"].pop(SURROGATES[0])  # a folder that lost one is another folder
        more = {"architecture": "lenet", "seed": 3}
        params["targets"]["more"] = params["targets"][TARGETS[0]] | more

    edit(small / "params.yaml", change)
    assert repro("target@more", *ends) == {"validate@params", "target@more"} | meta
    metrics = json.loads(Path(f"artifacts/evaluate/quick/{META}/metrics.json").read_text())
    assert {"success@more", f"success@{TARGETS[0]}"} <= set(metrics["metrics"])


def test_a_model_that_torch_exported_is_taken_in_with_its_weights_which_count(small):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(SIDE * SIDE, CLASSES))
    Path("mine").mkdir()
    inputs = (torch.rand(2, 1, SIDE, SIDE),)
    batch = {0: torch.export.Dim("n", min=1, max=999)}
    options = {"input_names": ["pixels"], "dynamic_shapes": (batch,), "verbose": False}
    torch.onnx.export(network.eval(), inputs, "mine/mine.onnx", **options)
    edit(small / "params.yaml", lambda p: users_target(p, source="mine"))
    stages = repro("target@mine")
    assert stages == {"validate@params", f"prepare@{TASK}", "target@mine"}
    kept = small / f"data/prepare/quick/{TASK}/test/targets/mine"
    assert {path.name for path in kept.iterdir()} == {
        "model.onnx", "mine.onnx.data", "classifier.json",
    }  # fmt: skip
    weights = Path("mine/mine.onnx.data")
    weights.write_bytes(np.random.default_rng(0).random(weights.stat().st_size // 4, np.float32))
    assert repro("target@mine") == {"target@mine"}
    assert (kept / weights.name).read_bytes() == weights.read_bytes()
    scores = store.load_scorer(kept, torch.device("cpu"))(torch.rand(3, 1, SIDE, SIDE))
    assert scores.shape == (3, CLASSES)
