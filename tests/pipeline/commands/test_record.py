"""Results that every clone has by one command, without training and without data."""

from __future__ import annotations

import json
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
from tests.conftest import RUNS, git

pytestmark = pytest.mark.system

LAZY, EXACT = RUNS


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
