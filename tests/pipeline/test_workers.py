"""What a worker of a sweep is asked before it begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from lazyleap.errors import InputError
from pipeline import origin, server, workplace
from pipeline.commands import running
from tests.conftest import ROOT, RUNS, edit, git
from tests.pipeline.test_serve import free_port

LONG, SHORT = RUNS


def test_machines_of_another_kind_are_refused_by_name(project):
    asked = origin.here("params.yaml")
    assert origin.refusal(asked, asked) is None
    other = {**asked, "kind of CPU": "abacus"}
    assert "its kind of CPU is abacus, the sweep's" in (origin.refusal(asked, other) or "")
    edit(project / "params.yaml", lambda params: params["runs"][LONG].update(horizon=7))
    with pytest.raises(InputError, match=r"not committed.*params\.yaml"):
        origin.here("params.yaml")
    git(project, "commit", "-qam", "another")
    changed = origin.refusal(asked, origin.here("params.yaml")) or ""
    assert f"its commit is {git(project, 'rev-parse', 'HEAD').strip()}, the sweep's" in changed


def test_a_worker_finds_its_own_checkout(project, tmp_path, monkeypatch):
    monkeypatch.setenv("LAZYLEAP_ROOT", str(project / "stages"))
    monkeypatch.chdir(tmp_path)
    assert workplace.enter() == {"directory": str(project)}
    assert Path.cwd() == project
    monkeypatch.setenv("LAZYLEAP_ROOT", str(tmp_path))
    with pytest.raises(InputError, match=f"LAZYLEAP_ROOT={tmp_path}: is in no project"):
        workplace.enter()
    monkeypatch.delenv("LAZYLEAP_ROOT")
    assert workplace.enter() == {"directory": str(ROOT)}


def test_a_sweep_without_a_server_is_refused_in_a_sentence(project, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", server.address(free_port()))
    with pytest.raises(InputError, match=r"PREFECT_API_URL: .* does not answer; a sweep needs"):
        running.run(running.Options(), True, running.Pool("team", 300))


def test_no_deployment_has_a_path_of_the_machine_that_deployed():
    described = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    assert described["pull"] == [{"pipeline.workplace.enter": {}}]
    assert "$" not in json.dumps(described)
