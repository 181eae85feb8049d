"""A run of each stage imports the source files that it is said to be made by, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stages import validate
from tests.attack.stages import project as attacks
from tests.conftest import commit, copy, edit, shrink_characters
from tests.longtail import project as tails
from tests.stages.test_resolve import given


def small(params: dict[str, Any]) -> None:
    """Settings of every kind, small."""
    whole = json.loads(json.dumps(params))
    attacks.shrink(params)
    tail = json.loads(json.dumps(whole))
    tails.shrink(tail)
    glyphs = whole["tasks"]["glyphs"]
    shrink_characters(glyphs, meta_iterations=4, validate_every=2)
    params["tasks"] |= {"glyphs": glyphs, tails.TASK: tail["tasks"][tails.TASK]}
    names = ("maml-lazy-k5", "meta-sgd-lazy-k10", "lt-reweight-lazy-k5", "lt-cross-entropy")
    params["runs"] |= {name: whole["runs"][name] for name in names}
    params["runs"] |= {"exact": whole["runs"]["maml-exact-k1"] | {"algorithm": "anil"}}


@pytest.fixture
def every(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project with settings of every kind, in the current folder."""
    folder = copy(tmp_path / "project")
    edit(folder / "params.yaml", small)
    monkeypatch.chdir(commit(folder))
    return folder


OF_FILES = {
    "lazyleap/classifiers/files.py",
    "lazyleap/classifiers/form.py",
    "lazyleap/classifiers/session.py",
    "lazyleap/onnxfile.py",
}
"""For the user's ONNX classifiers, which the small project has none of."""

LISTED = """
import json, os, pathlib, runpy, sys, traceback
import onnx, onnxruntime, pandas, torch, torch.onnx, torch.utils.tensorboard  # once, for all
def files():
    return {str(getattr(module, "__file__", None)) for module in list(sys.modules.values())}
def stage(place, name, *words):
    sys.argv, code = [name, *words], 0
    try:
        runpy.run_module(f"stages.{name}", run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    pathlib.Path(place).write_text(json.dumps(sorted(files())))
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)
for words in json.loads(sys.argv[1]):
    if not (child := os.fork()):
        stage(*words)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{words}")
"""


def loaded(folder: Path, stages: list[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """The project's source files that a run of each stage by DVC's command imports."""
    asked = [
        (f"{folder}/{stage}-{key}.loaded", stage, "--params", parameters(stage, key), key)
        for stage, key in stages
    ]
    command = [sys.executable, "-c", LISTED, json.dumps(asked)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return {
        (one[1], one[4]): sources(folder, Path(one[0])) | {f"stages/{one[1]}.py"} for one in asked
    }


def parameters(stage: str, key: str) -> str:
    return f"artifacts/validate/quick/{stage}/{key}.json"


def sources(folder: Path, listed: Path) -> set[str]:
    files = (Path(file) for file in json.loads(listed.read_text()))
    return {f.relative_to(folder).as_posix() for f in files if f.is_relative_to(folder)}


@pytest.mark.system
@pytest.mark.slow
def test_a_stage_imports_what_it_is_said_to_be_made_by_and_no_more(every: Path) -> None:
    validate.main()
    unused: dict[str, set[str]] = {}
    contents = {name: content for name, content in given().items() if name[0] != "report"}
    imported = loaded(every, list(contents))
    for (stage, key), content in contents.items():
        said = {file for file in content["files"] if file.endswith(".py")}
        found = imported[stage, key]
        assert found <= said, f"{stage} {key} imports {found - said}"
        for file in said - found - OF_FILES:
            unused.setdefault(file, set()).add(f"{stage}@{key}")
    assert not unused, "\n".join(f"{file}: {sorted(keys)}" for file, keys in unused.items())
