from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline import dvc
from pipeline.outcomes import Outcome
from tests.conftest import RUNS, commit, copy, edit

TOY = Path(__file__).parent / "toy_stage.py"
LISTS = "data/splits/omniglot-vinyals"  # stands for a data set; the toy stages read nothing


def _toy_params(params):
    params |= {"device": "cpu", "surrogates": {}, "targets": {}}
    params["tasks"] = {"glyphs": params["tasks"]["glyphs"]}
    params["runs"] = {name: params["runs"][name] for name in RUNS}
    dataset = {"reader": "omniglot", "source": LISTS, "splits": LISTS, "size": 28}
    params["tasks"]["glyphs"]["dataset"] = dataset


@pytest.fixture(scope="session")
def toys(tmp_path_factory):
    """Made once, copied for each test: a toy project, with its data prepared."""
    folder = copy(tmp_path_factory.mktemp("toys") / "toy")
    for stage in ("prepare", "train", "evaluate", "export", "fidelity", "report"):
        shutil.copy(TOY, folder / "stages" / f"{stage}.py")
    edit(folder / "params.yaml", _toy_params)
    commit(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        head = dvc.Chain(["validate@params", "prepare@glyphs"])
        assert [head.follow(stage) for stage in head.stages] == [Outcome.RAN] * 2
    return folder


@pytest.fixture
def prepared(toys, tmp_path, monkeypatch):
    """The real pipeline around stages that do nothing, in the current folder; data prepared."""
    folder = shutil.copytree(toys, tmp_path / "toy", symlinks=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def toy(prepared):
    """The same, with nothing done yet."""
    shutil.rmtree(prepared / "artifacts")
    shutil.rmtree(prepared / "data" / "prepare")
    shutil.rmtree(prepared / ".dvc" / "cache")
    (prepared / "dvc.lock").write_text("schema: '2.0'\n")
    return prepared
