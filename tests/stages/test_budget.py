"""The budget stage as its user has it: a program that writes into params.yaml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lazyleap.settings import load, resolve
from stages import prepare
from tests.conftest import RUNS, edit

COMMENT = "# a word of its author's\n"


def run(*arguments):
    command = [sys.executable, "-m", "stages.budget", "--rounds", "1", "--seconds", "0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def seeds(params):
    params["runs"] = {f"{name}-s{seed}": run | {"seed": seed}
                      for name, run in params["runs"].items() for seed in (0, 1)}  # fmt: skip
    params["runs"]["control"] = params["runs"][f"{RUNS[1]}-s0"] | {"meta_iterations": 0}


@pytest.mark.slow
def test_runs_that_differ_by_seed_get_one_budget_and_comments_stay(project):
    path = Path("params.yaml")
    edit(path, seeds)
    path.write_text(COMMENT + path.read_text())
    lines = path.read_text().splitlines()
    refused = run("--cpu-seconds", "5")
    assert refused.returncode == 2
    assert "prepare the dataset" in refused.stderr
    prepare.main("glyphs")
    done = run("--cpu-seconds", "5", "--only", "*-s*")
    assert done.returncode == 0, done.stderr
    found = {name: resolve(load(path), name).meta_iterations for name in load(path).runs}
    counts = [{found[f"{name}-s{seed}"] for seed in (0, 1)} for name in RUNS]
    assert [len(each) for each in counts] == [1, 1]
    assert min(map(min, counts)) > 5
    assert found["control"] == 0
    for line in lines:
        assert line in path.read_text().splitlines()
    for (count,) in counts:
        assert f"{count} meta-iterations (" in done.stderr


def test_a_name_that_no_run_has(project):
    done = run("--cpu-seconds", "5", "--only", "maml-lasy-k5")
    assert done.returncode == 2
    assert done.stderr == (
        "error: only 'maml-lasy-k5': no run has such a name; did you mean 'maml-lazy-k5'?\n"
    )
