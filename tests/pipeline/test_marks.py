"""Words on Prefect's pages, without Prefect."""

from __future__ import annotations

import json
import shutil

import pytest

from pipeline.marks import Ended, outcome_of, rows, tags_of
from pipeline.outcomes import BudgetError, StageError
from pipeline.plan import plan
from stages import folders
from tests.conftest import ROOT, edit

TRAINED, LATE, BROKEN = "maml-lazy-k5", "maml-lazy-k10", "maml-exact-k1"


@pytest.fixture
def grid(tmp_path, monkeypatch):
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "data" / "splits", tmp_path / "data" / "splits")
    shutil.copy(ROOT / "data" / "datasets.yaml", tmp_path / "data")
    keep = (TRAINED, LATE, BROKEN)
    edit(
        tmp_path / "params.yaml", lambda p: p.update(runs={name: p["runs"][name] for name in keep})
    )
    monkeypatch.chdir(tmp_path)
    return plan()


ENDED = {
    TRAINED: Ended("ran"),
    LATE: Ended("postponed", BudgetError(f"train@{LATE}", "the time budget ended")),
    BROKEN: Ended("failed", StageError(f"evaluate@{BROKEN}", "no such file", "its last lines")),
}


def test_errors_come_first_each_as_a_sentence(grid):
    folder = folders.record("quick", TRAINED)
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps({"train_cpu_seconds": 12.345}))
    found = rows(grid, ENDED)
    assert {row["setting"] for row in found[:2]} == {LATE, BROKEN}
    told = {row["setting"]: row for row in found}
    assert told[BROKEN]["error"] == f"evaluate@{BROKEN}: no such file"
    assert told[LATE] == {
        "error": f"train@{LATE}: the time budget ended",
        "setting": LATE,
        "state": "postponed",
        "result": "",
        "CPU s": "",
    }
    assert (told[TRAINED]["error"], told[TRAINED]["CPU s"]) == ("", "12.3")


def test_the_name_counts_what_came_of_the_settings(grid):
    assert outcome_of(grid, ENDED, True) == "quick: 1 ran, 1 failed, 1 postponed"
    fine = {TRAINED: Ended("ran"), LATE: Ended("unchanged"), BROKEN: Ended("ran")}
    assert outcome_of(grid, fine, False) == "quick: 2 ran, 1 unchanged"
    assert outcome_of(grid, fine, True) == "quick: 2 ran, 1 unchanged, report failed"


def test_tasks_are_found_by_what_they_are(grid):
    assert tags_of(grid, TRAINED) == ["quick", "glyphs", "maml", "lazy", "k=5"]
