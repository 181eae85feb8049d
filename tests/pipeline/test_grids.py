"""Every grid is the same pipeline with parameters of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import dvc
from pipeline.outcomes import Outcome
from pipeline.plan import plan
from tests.conftest import ROOT, RUNS, git

pytestmark = pytest.mark.system

GRIDS = sorted(path.parent.name for path in (ROOT / "grids").glob("*/params.yaml"))


@pytest.mark.parametrize("grid", GRIDS)
def test_a_grid_follows_the_schema_and_has_a_copy_of_the_pipeline_while_it_is_run(grid, prepared):
    found, copied = plan(grid), Path(f"grids/{grid}/dvc.yaml")
    assert found.settings.here == f"grids/{grid}/"
    assert not found.is_done(found.stale())
    with found.described():
        assert copied.read_bytes() == Path("dvc.yaml").read_bytes()
    assert not copied.exists()  # nothing was done


def make(*arguments):
    command = ["make", "-o", "setup", f"VENV={sys.prefix}", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_make_grid_writes_one_that_runs_beside_the_top_one(prepared):
    assert make("grid", "NAME=mine").returncode == 0
    mine = plan("mine")
    assert (mine.grid, mine.settings.root, mine.settings.here) == ("mine", "../..", "grids/mine/")
    stages = [*mine.head(), *mine.chain(RUNS[0])]
    running = dvc.Chain(stages)
    with mine.described():
        assert [running.follow(stage) for stage in stages] == [Outcome.RAN] * 5
    assert Path("grids/mine/dvc.yaml").read_bytes() == Path("dvc.yaml").read_bytes()
    assert Path(f"artifacts/export/mine/{RUNS[0]}").is_dir()
    changed = git(prepared, "status", "--porcelain").splitlines()
    assert changed == [" M dvc.lock", "?? grids/mine/"]


def test_make_grid_keeps_parameters_and_refuses_odd_names(prepared):
    make("grid", "NAME=mine")
    own = Path("grids/mine/params.yaml").read_text().replace("threads: 1", "threads: 2")
    Path("grids/mine/params.yaml").write_text(own)
    Path("grids/mine/dvc.yaml").write_text("old\n")
    assert make("grid", "NAME=mine").returncode == 0
    assert Path("grids/mine/params.yaml").read_text() == own
    assert Path("grids/mine/dvc.yaml").read_bytes() == Path("dvc.yaml").read_bytes()
    refused = make("grid", "NAME=Mine.1")
    assert refused.returncode != 0
    assert "error: grid 'Mine.1': a name is of a-z, 0-9 and -" in refused.stderr
