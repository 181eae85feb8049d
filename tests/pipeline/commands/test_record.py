"""Results that every clone has by one command, without training and without data."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lazyleap.errors import InputError
from pipeline import dvc
from pipeline.commands import grids
from pipeline.commands import record as recording
from pipeline.plan import plan
from tests.conftest import ROOT, RUNS, git

pytestmark = pytest.mark.system

LAZY, EXACT = RUNS
HEADLINE = {"theta.safetensors", "setting.json", "record.json", "metrics.json", "parity.json"}


def run(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def clone(source: Path, folder: Path) -> Path:
    git(source, "clone", "-q", str(source), str(folder))
    run(folder, *recording.FETCH.split())
    return folder


def test_what_is_recorded_is_in_a_clone_and_nothing_else(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"record: train@{LAZY} is not up to date"):
        recording.record(None, LAZY)
    chain = dvc.Chain([*plan().chain(LAZY), *plan().chain(EXACT)])
    for name in chain.stages:
        chain.follow(name)
    grids.new("never-run")
    answer = recording.record(None, LAZY)
    assert answer.content["runs"] == [LAZY]
    assert "commit: git add dvc.lock .dvc/config recorded" in answer.shown[0]
    assert json.loads(Path("recorded/settings.json").read_text()) == {"quick": [LAZY]}
    git(prepared, "add", "-A")
    git(prepared, "commit", "-qm", "recorded")
    there = clone(prepared, tmp_path / "clone")
    for stage in ("train", "record", "export"):
        assert [path.name for path in (there / "artifacts" / stage / "quick").iterdir()] == [LAZY]
    assert not any(path.is_file() for path in (there / "data" / "prepare").rglob("*"))
    place = f"artifacts/evaluate/quick/{LAZY}/metrics.json"
    shown = json.loads(run(there, "dvc", "metrics", "show", "--json", place))
    assert shown[""]["data"][place]["data"]["primary"] == "accuracy@1"

    recording.record(None, EXACT)  # in place of the other
    files = [path for path in Path("recorded/files").rglob("*") if path.is_file()]
    held = b"".join(path.read_bytes() for path in files)
    assert EXACT.encode() in held
    assert LAZY.encode() not in held


def test_too_much_and_what_no_commit_holds_is_refused(prepared: Path, monkeypatch) -> None:
    monkeypatch.setattr(type(plan()), "stale", lambda _: set())
    place = Path("artifacts/record/quick") / LAZY
    place.mkdir(parents=True)
    (place / "record.json").write_text('{"commit": "0123", "dirty": true}')
    with pytest.raises(InputError, match=rf"{place}/record\.json: uncommitted changes; only"):
        recording.record(None, LAZY)
    (place / "record.json").write_text('{"commit": "0123", "dirty": false}')
    outs = [{"path": "a", "size": recording.LIMIT // 3 + 1}]
    stages = {name: {"outs": outs} for name in plan().chain(LAZY)}
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    with pytest.raises(InputError, match=r"record: 25\.0 MiB of results are more than the 25 MiB"):
        recording.record(None, LAZY)
    assert not Path("recorded").exists()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this very repository with what is recorded in it."""
    return clone(ROOT, tmp_path_factory.mktemp("reader") / "clone")


def test_a_newcomer_has_the_recorded_models(reader: Path) -> None:
    named = json.loads((reader / recording.LIST).read_text())
    assert named["quick"]
    for grid, runs in named.items():
        for name in runs:
            found = {path.name for path in (reader / "artifacts").glob(f"*/{grid}/{name}/*")}
            assert found >= HEADLINE
            assert any(name.endswith(".onnx") for name in found)
    assert not any(path.is_file() for path in (reader / "data" / "prepare").rglob("*"))
    size = sum(path.stat().st_size for path in (reader / "recorded").rglob("*") if path.is_file())
    assert size < recording.LIMIT


def test_metrics_and_plots_show_what_is_recorded(reader: Path) -> None:
    runs = json.loads((reader / recording.LIST).read_text())["quick"]
    shown = json.loads(run(reader, "dvc", "metrics", "show", "--json"))[""]["data"]
    scored = {path for path, one in shown.items() if "primary" in one.get("data", {})}
    assert scored == {f"artifacts/evaluate/quick/{name}/metrics.json" for name in runs}
    run(reader, "dvc", "plots", "show")
    page = (reader / "dvc_plots" / "index.html").read_text()
    assert set(re.findall(r"([a-z0-9-]+): accuracy by", page)) == set(runs)
    shutil.rmtree(reader / "dvc_plots")
