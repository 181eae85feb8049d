"""doctor: each fault is found where it is put, with what mends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.commands import checks
from pipeline.commands.checks import Finding
from pipeline.commands.doctor import doctor
from pipeline.commands.locks import NOTED, Holder, holders
from tests.conftest import ROOT

OK = Finding("one", "ok", "fine")


def test_only_what_is_wrong_fails() -> None:
    note = Finding("two", "note", "so so", "do this")
    assert doctor([OK, note]).code == 0
    answer = doctor([OK, note, Finding("three", "wrong", "broken", "do that")])
    assert answer.code == 1
    assert answer.content["ok"] is False
    assert [one["mend"] for one in answer.content["findings"]] == ["", "do this", "do that"]
    assert answer.shown[-2:] == ("  two: do this", "  three: do that")


def test_packages_that_are_missing_or_too_old_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.state for one in checks.packages()][:1] == ["ok"]
    have = {"fastapi": "0.151.0", "dvc": None}
    known = checks._version
    monkeypatch.setattr(checks, "_version", lambda name: have.get(name, known(name)))
    found = {one.what: one for one in checks.packages() if one.state == "wrong"}
    assert found.keys() == have.keys()
    assert found["fastapi"].words.startswith("is 0.151.0, needed ")
    assert found["dvc"].words == "is not installed"
    assert found["dvc"].mend == "make setup"


def test_versions_other_than_tested_are_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    known = checks._version
    monkeypatch.setattr(checks, "_version", lambda n: "2.12.9" if n == "torch" else known(n))
    (found,) = (one for one in checks._pins())
    assert found.state == "note"
    assert "torch 2.12.9 (tested 2.13.0)" in found.words


def test_a_full_disk_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.disk().state == "ok"
    monkeypatch.setattr(checks, "FREE", 2**40)
    assert checks.disk().state == "wrong"
    assert "dvc gc" in checks.disk().mend


def test_parameters_and_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAZYLEAP_DATA_MIRROR", "nowhere")
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "grids" / "omniglot" / "params.yaml").read_text())
    found = list(checks.parameters(Path("params.yaml")))
    wrong = [one.words for one in found if one.state == "wrong"]
    assert wrong == ["LAZYLEAP_DATA_MIRROR=nowhere: is no folder"]
    notes = {one.what: one for one in found if one.state == "note"}
    assert notes["data of omniglot-5w1s"].words == "data/raw/omniglot: not fetched yet"
    assert notes["data of omniglot-5w1s"].mend.startswith("lazyleap run --grid omniglot")
    path.write_text(path.read_text().replace("data/raw/omniglot", "photos"))
    assert "photos: is not there" in [one.words for one in checks.parameters(path)]
    path.write_text(path.read_text().replace("horizon: 5", "horizon: 0"))
    (only,) = checks.parameters(path)
    assert only.state == "wrong"
    assert "horizon" in only.words


def test_the_living_are_at_work_and_the_dead_are_not(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [one.state for one in checks.locks()] == ["ok"]
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    NOTED.parent.mkdir(parents=True)
    mine = {"pid": os.getpid(), "cmd": "dvc repro"}
    content = {
        "write": {"a": {"pid": dead.pid, "cmd": "gone"}, "c": {}},
        "read": {"b": [mine, mine]},
    }
    NOTED.write_text(json.dumps(content))
    assert holders() == [Holder(os.getpid(), "dvc repro")]
    (one,) = checks.locks()
    assert (one.state, one.words) == ("note", f"process {os.getpid()} is at work: dvc repro")
    NOTED.write_text("{")
    (broken,) = checks.locks()
    assert broken.state == "wrong"
    assert broken.mend.startswith("rm .dvc/tmp/rwlock")


def test_a_gpu_that_torch_does_not_see_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(checks.shutil, "which", lambda name: None)
    assert checks.gpu().state == "ok"
    monkeypatch.setattr(checks.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert checks.gpu().state == "wrong"


def test_a_server_that_was_chosen_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_PORT", "1")
    assert checks.server().state == "ok"
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    found = checks.server()
    assert (found.state, found.mend) == ("wrong", "unset PREFECT_API_URL")
