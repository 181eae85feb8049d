"""What DVC's users expect of any project: experiments, differences, and a second clone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.commands import grids
from tests.conftest import RUNS, edit, git

pytestmark = pytest.mark.system

RUN = RUNS[0]
METRICS = f"artifacts/evaluate/quick/{RUN}/metrics.json"


def dvc(*arguments: str) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ran(output: str) -> set[str]:
    return set(re.findall(r"^Running stage '(.+?)':$", output, re.MULTILINE))


@pytest.fixture
def recorded(prepared: Path) -> Path:
    """A project whose results are committed, as DVC's users commit them."""
    dvc("repro")
    assert git(prepared, "status", "--porcelain").split() == ["M", "dvc.lock"]
    grids.new("never-run")  # which disturbs none of DVC's commands
    git(prepared, "add", "-A")
    git(prepared, "commit", "-qm", "results")
    return prepared


def test_an_experiment_runs_one_setting_and_is_compared_and_applied(recorded: Path) -> None:
    said = dvc("exp", "run", "--name", "longer", "-S", f"runs.{RUN}.horizon=7")
    assert f"train@{RUN}" in ran(said)
    assert f"train@{RUNS[1]}" not in ran(said)
    key = f"runs.{RUN}.horizon"
    assert json.loads(dvc("params", "diff", "--json"))["params.yaml"][key]["new"] == 7
    changed = json.loads(dvc("metrics", "diff", "--json"))[METRICS]
    value = changed["metrics.accuracy@1.value"]
    assert (value["old"], value["new"]) == (0.5, 0.7)
    assert "longer" in dvc("exp", "show", "--csv")
    git(recorded, "checkout", "-q", "--", "params.yaml", "dvc.lock")
    dvc("checkout")
    assert json.loads(Path(METRICS).read_text())["metrics"]["accuracy@1"]["value"] == 0.5
    dvc("exp", "apply", "longer")
    assert json.loads(Path(METRICS).read_text())["metrics"]["accuracy@1"]["value"] == 0.7
    assert "horizon: 7" in Path("params.yaml").read_text()


def test_a_second_clone_pulls_what_the_first_pushed_and_trains_nothing(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dvc("remote", "add", "-d", "shared", str(tmp_path / "remote"))
    dvc("push", "--run-cache")
    git(recorded, "commit", "-qam", "a remote")
    git(tmp_path, "clone", "-q", str(recorded), "second")
    monkeypatch.chdir(tmp_path / "second")
    grids.listed()
    dvc("pull")
    assert Path(METRICS).read_bytes() == (recorded / METRICS).read_bytes()
    assert ran(dvc("repro")) <= {"report"}  # whose tables are git's, not the cache's
    assert git(tmp_path / "second", "status", "--porcelain") == ""
    edit(Path("params.yaml"), lambda params: params["runs"][RUN].update(horizon=7))
    assert f"train@{RUN}" in ran(dvc("repro"))


def test_an_edit_runs_just_what_it_changes(recorded: Path) -> None:
    def after(file: str, text: str) -> set[str]:
        with Path(file).open("a") as opened:
            opened.write(text)
        assert "validate@params" in dvc("status", "dvc.yaml")
        return ran(dvc("repro"))

    changed = after("lazyleap/estimators/exact.py", "# another file\n")
    assert changed == {
        "validate@params",
        f"train@{RUNS[1]}",
        "report",
    }  # of a record with another time
    assert after("params.yaml", "# a comment\n") == {
        "validate@params",
        "report",
    }  # which read all of it
    assert after("extensions/mine.py", "# that nothing uses\n") == {"validate@params"}
    assert "up to date" in dvc("status", "dvc.yaml")
