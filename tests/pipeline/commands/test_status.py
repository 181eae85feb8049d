"""status, with the real DVC around stages that do nothing."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from pipeline import dvc
from pipeline.commands.status import status
from pipeline.outcomes import Outcome
from pipeline.plan import plan
from stages import folders
from tests.conftest import RUNS, edit

pytestmark = pytest.mark.system

LAZY, EXACT = RUNS


def states() -> dict[str, str]:
    return {one["run"]: one["state"] for one in status(None).content["settings"]}


def bring(*stages: str) -> None:
    chain = dvc.Chain(stages)
    assert [chain.follow(name) for name in stages] == [Outcome.RAN] * len(stages)


def test_each_setting_is_where_its_stages_are(prepared: Path) -> None:
    assert states() == {LAZY: "to train", EXACT: "to train"}
    bring(*plan().chain(LAZY), f"train@{EXACT}")
    answer = status(None)
    rows = {one["run"]: one for one in answer.content["settings"]}
    assert rows[LAZY]["state"] == "up to date"
    assert rows[LAZY]["result"] == "accuracy@1 50.0 (49.0 .. 52.0) %"
    assert (rows[EXACT]["state"], rows[EXACT]["result"]) == ("to evaluate", "")
    assert answer.shown[-1] == "grid quick: 1 of 2 settings up to date"

    work = Path(".scratch/quick") / LAZY / "0123"
    work.mkdir(parents=True)
    (work / "checkpoint.pt").touch()
    edit(Path("params.yaml"), lambda params: params["runs"][LAZY].update(horizon=7))
    assert states()[LAZY] == "waits for validate@params"
    bring("validate@params")
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert states() == {LAZY: "at work", EXACT: "to evaluate"}
    assert states()[LAZY] == "to train on from a checkpoint"


def test_gradients_are_compared_where_params_yaml_asks_for_it(prepared: Path) -> None:
    assert len(plan().chain(LAZY)) == 3
    asked = {"task": "glyphs", "tasks": 2}
    edit(Path("params.yaml"), lambda params: params.update(fidelity={LAZY: asked}))
    bring("validate@params", *plan().chain(LAZY), *plan().chain(EXACT))
    assert folders.fidelity("quick", LAZY).read_text() == "2"
    assert not folders.fidelity("quick", EXACT).exists()
    assert states() == dict.fromkeys(RUNS, "up to date")
    edit(Path("params.yaml"), lambda params: params["fidelity"][LAZY].update(tasks=3))
    bring("validate@params")
    assert states() == {LAZY: "to fidelity", EXACT: "up to date"}
    bring(f"fidelity@{LAZY}", "report")
    edit(Path("params.yaml"), lambda params: params.update(fidelity={}))
    assert dvc.Chain(["validate@params"]).follow("validate@params") is Outcome.RESTORED
    assert states() == dict.fromkeys(RUNS, "up to date")
