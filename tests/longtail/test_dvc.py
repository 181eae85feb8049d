"""The long tail under the real DVC, from prepare to report."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.conftest import edit
from tests.longtail.project import TASK, shrink
from tests.stages.test_dvc import ran, repro
from tests.tags import ALL, defined, logged

pytestmark = pytest.mark.system

RUNS = ("lt-class-balanced", "lt-reweight-lazy-k5")


def only(params: dict) -> None:
    whole = params["tasks"][TASK]
    params.update(device="cpu", tasks={TASK: whole}, surrogates={}, targets={})
    params["runs"] = {name: params["runs"][name] for name in RUNS}
    shrink(params)


def test_default_settings_from_prepare_to_report_and_nothing_twice(
    longtail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    source = Path(__file__).resolve().parents[2] / "params.yaml"
    (longtail / "params.yaml").write_text(source.read_text())
    edit(longtail / "params.yaml", only)
    stages = {f"{stage}@{run}" for stage in ("train", "evaluate", "export") for run in RUNS}
    assert ran(repro()) == stages | {"validate@params", f"prepare@{TASK}", "report"}
    for run in RUNS:
        metrics = json.loads(
            (longtail / f"artifacts/evaluate/quick/{run}/metrics.json").read_text()
        )
        assert metrics["kind"] == "longtail"
        assert metrics["primary"] == "error"
        assert (longtail / f"artifacts/export/quick/{run}/model.onnx").is_file()
        tags = logged(longtail / f"artifacts/record/quick/{run}/tensorboard")
        assert tags <= defined(ALL, "Of long-tailed classification")
    assert tags >= defined("Of long-tailed classification")  # the learned weighting's, the last
    page = (longtail / "results/quick/report.html").read_text()
    assert "reweight lazy k=5 (placement end)" in page
    assert ran(repro()) == set()
    edit(longtail / "params.yaml", lambda p: p["tasks"][TASK]["test"].update(few=4))
    again = {f"{stage}@{run}" for stage in ("evaluate", "export") for run in RUNS}
    assert ran(repro()) <= again | {"validate@params", "report"}
