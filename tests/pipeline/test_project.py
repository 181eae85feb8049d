"""A project laid out for the installed package, and where projects are found."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from lazyleap.errors import InputError
from pipeline import project
from pipeline.cli import app
from pipeline.commands import grids
from pipeline.plan import plan
from stages import code
from stages.resolve import Resolver
from tests.conftest import ROOT


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_project_depends_on_the_lock_and_on_no_source_file(empty: Path) -> None:
    grids.new(None)
    plan()
    ours = [*(f"{name}/" for name in code.PACKAGES), *code.PACKAGES]
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    assert stages["validate"]["do"]["deps"].count("lazyleap.lock") == 1
    for name in ("dvc.yaml", "params.yaml"):
        words = re.findall(r"(?:- |source: )([\w/.-]+)", Path(name).read_text())
        assert [word for word in words if word.startswith(tuple(ours))] == ["lazyleap.lock"] * len(
            [word for word in words if word == "lazyleap.lock"]
        )
    assert set(json.loads(code.LOCK.read_text())["files"]) >= {
        "lazyleap/estimators/lazy.py",
        "stages/train.py",
        "stages/reporting/page.css",
    }


def test_its_stages_are_given_the_files_of_the_checkout_s(empty: Path, monkeypatch) -> None:
    grids.new(None)
    settings = plan().settings
    apart = [Resolver("params.yaml", settings).of(s, "maml-lazy-k5") for s in ("train", "export")]
    apart.append(Resolver("params.yaml", settings).of("report", "quick"))
    monkeypatch.chdir(ROOT)
    settings = plan().settings
    own = [Resolver("params.yaml", settings).of(s, "maml-lazy-k5") for s in ("train", "export")]
    own.append(Resolver("params.yaml", settings).of("report", "quick"))
    assert [one["files"] for one in apart] == [one["files"] for one in own]
    assert all(len(one["files"]) > 10 for one in own)


def test_another_package_is_another_lock(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grids.new(None)
    assert code.refresh()
    first = code.LOCK.read_text()
    assert not code.refresh()
    monkeypatch.setattr(code.lazyleap, "__version__", "9.9.9")
    assert code.refresh()
    assert json.loads(code.LOCK.read_text())["version"] == "9.9.9"
    assert code.LOCK.read_text() != first
    monkeypatch.chdir(ROOT)
    assert not code.refresh()
    assert not (ROOT / "lazyleap.lock").exists()


def test_a_grid_begins_with_the_top_parameters_under_its_own_name(empty: Path) -> None:
    answer = grids.new("mine")
    assert answer.content == {
        "project": str(empty),
        "grid": "mine",
        "params": "grids/mine/params.yaml",
    }
    top, mine = plan(), plan("mine")
    assert (mine.grid, mine.settings.root, mine.settings.here) == ("mine", "../..", "grids/mine/")
    assert mine.settings.tasks == top.settings.tasks
    assert mine.settings.runs == top.settings.runs
    listed = {row["grid"]: row["settings"] for row in grids.listed().content}
    assert listed["mine"] == listed["quick"] == len(top.runs)
    assert "omniglot" in listed
    assert "fields" not in listed  # whose code is of the examples


def test_what_is_there_is_kept(empty: Path) -> None:
    grids.new("mine")
    path = Path("grids/mine/params.yaml")
    path.write_text(path.read_text().replace("threads: 1", "threads: 2"))
    grids.new("mine")
    assert plan("mine").settings.threads == 2
    with pytest.raises(InputError, match=r"grid 'Mine\.1': a name is of a-z, 0-9 and -"):
        grids.new("Mine.1")
    with pytest.raises(InputError, match="needs a name here"):
        grids.new(None)


def test_no_file_of_another_is_overwritten(empty: Path) -> None:
    Path("params.yaml").write_text("mine: own\n")
    with pytest.raises(InputError, match=r"params\.yaml: is there already"):
        grids.new(None)
    assert [path.name for path in empty.iterdir()] == ["params.yaml"]


def test_git_is_used_where_it_is(empty: Path) -> None:
    (empty / "in-git" / ".git").mkdir(parents=True)
    (empty / "without").mkdir()
    for name in ("in-git", "without"):
        project.lay_out(empty / name)
    assert "no_scm" not in (empty / "in-git" / ".dvc" / "config").read_text()
    assert "no_scm = True" in (empty / "without" / ".dvc" / "config").read_text()


def test_a_project_is_found_from_below_and_elsewhere_refused(empty: Path, monkeypatch) -> None:
    with pytest.raises(InputError, match="is in no project; 'lazyleap grid new' lays one out"):
        project.enter()
    grids.new("mine")
    monkeypatch.chdir(empty / "grids" / "mine")  # where there is a dvc.yaml, too
    assert project.root() == empty.resolve()
    project.enter()
    assert Path.cwd() == empty.resolve()


def test_a_folder_of_an_environment_alone_is_empty(empty: Path) -> None:
    (empty / ".hidden").mkdir()
    (empty / "venv").mkdir()
    (empty / "venv" / "pyvenv.cfg").touch()
    assert project.is_empty(empty)
    (empty / "notes.txt").touch()
    assert not project.is_empty(empty)
    with pytest.raises(InputError, match="is in no project"):
        CliRunner().invoke(app, ["run"], catch_exceptions=False)
    assert not (empty / "params.yaml").exists()


def test_shells_complete_grids_and_runs(empty: Path) -> None:
    grids.new("mine")
    words = {"COMP_WORDS": "lazyleap show maml-lazy-k", "COMP_CWORD": "2"}
    asked = {"_LAZYLEAP_COMPLETE": "complete_bash", **words}
    found = CliRunner().invoke(app, [], prog_name="lazyleap", env=asked).output.split()
    assert found == ["maml-lazy-k10", "maml-lazy-k20", "maml-lazy-k5"]
    asked |= {"COMP_WORDS": "lazyleap status --grid o", "COMP_CWORD": "3"}
    assert CliRunner().invoke(app, [], prog_name="lazyleap", env=asked).output.split() == [
        "omniglot"
    ]
    assert os.environ.get("_LAZYLEAP_COMPLETE") is None
