"""What each stage is given: the files it imports for that very setting, the keys that it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stages import resolve
from tests.conftest import ROOT

Stage = tuple[str, str]
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
RUNS = PARAMS["runs"]
OTHER = {  # another value, where a number times two or another word will not do
    "architecture": "conv4",
    "clip_norm": 5.0,
    "estimator": None,
    "characters": "ceoagqdbphnx",
}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    return ROOT


def given(params: str = "params.yaml") -> dict[Stage, dict[str, Any]]:
    found = resolve.Resolver(params, resolve.load(Path(params))).all()
    return {(one["stage"], one["key"]): one for one in found}


def having(contents: dict[Stage, dict[str, Any]], file: str) -> set[Stage]:
    return {stage for stage, content in contents.items() if file in content["files"]}


def of_runs(stage: str, **asked: str) -> set[Stage]:
    fits = {name for name, run in RUNS.items() if all(run[key] in of for key, of in asked.items())}
    return {(stage, name) for name in fits}
