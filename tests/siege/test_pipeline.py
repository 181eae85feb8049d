"""An attack's task under the real DVC, and in the plan of the flow."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.plan import plan
from tests.conftest import commit, copy, edit
from tests.siege.project import META, SQUARE, SURROGATES, TARGETS, TASK, ZOO, make


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
    assert list(head) == ["validate", f"prepare@{TASK}", *names]
    assert all(head[name] == [f"prepare@{TASK}"] for name in names)
    assert wanted.needs(ZOO) == [f"prepare@{TASK}", *names]


@pytest.mark.slow
def test_only_what_depends_on_a_classifier_runs_anew(small):
    stages = [f"{stage}@{run}" for run in (META, ZOO) for stage in ("train", "evaluate", "export")]
    head = {"validate", f"prepare@{TASK}"}
    classifiers = {f"surrogate@{s}" for s in SURROGATES} | {f"target@{t}" for t in TARGETS}
    assert repro(*stages) == head | classifiers | set(stages)
    assert repro(*stages) == set()
    found = json.loads(Path(f"artifacts/evaluate/quick/{META}/metrics.json").read_text())
    assert found["primary"] == "success"

    edit(small / "params.yaml", lambda p: p["targets"][TARGETS[0]].update(seed=7))
    ran = repro(*stages)
    assert {"validate", f"target@{TARGETS[0]}", f"evaluate@{META}", f"evaluate@{ZOO}"} <= ran
    assert not {name for name in ran if name.startswith(("train@", "surrogate@", "prepare@"))}

    edit(small / "params.yaml", lambda p: p["surrogates"].pop(SURROGATES[0]))
    ran = repro(*stages)
    assert {f"train@{META}", f"evaluate@{META}"} <= ran  # a folder that lost one is another folder
    assert not {name for name in ran if name.startswith(("target@", "surrogate@"))}

    other = {"kind": "trained", "architecture": "lenet", "seed": 3}
    edit(
        small / "params.yaml",
        lambda p: p["targets"].update(more={**p["targets"][TARGETS[0]], **other}),
    )
    ran = repro(*stages)
    assert {"target@more", f"evaluate@{META}", f"evaluate@{ZOO}"} <= ran
    assert not {name for name in ran if name.startswith("train@")}
    metrics = json.loads(Path(f"artifacts/evaluate/quick/{ZOO}/metrics.json").read_text())
    assert {"success@more", f"success@{TARGETS[0]}"} <= set(metrics["metrics"])
    assert SQUARE not in {path.name for path in Path("artifacts/train/quick").iterdir()}
