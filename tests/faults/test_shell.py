"""No string of params.yaml is run by a shell, whoever starts the stages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import edit

pytestmark = pytest.mark.system

HOSTILE = {
    "command": "$(touch pwned)/../",
    "quotes": "'; touch pwned; '\"; touch pwned; \"`touch pwned`/../",
    "lines": "a\ntouch pwned\n&& touch pwned /../",
    "option": "--help",
}
RUN, TASK = "maml-lazy-k5", "glyphs"


def renamed(block, old, new):
    block[new] = block.pop(old)


def classifier(name):
    return {
        "task": TASK, "source": "lazyleap/models", "architecture": "mlp", "width": 8, "epochs": 1,
        "batch": 2, "lr": 0.1, "seed": 0, "kind": "trained",
    }  # fmt: skip


KEYS = {  # that stand in a command of dvc.yaml, or in a path beside it
    "root": lambda p, word: p.update(root=word),
    "here": lambda p, word: p.update(here=word),
    "grid": lambda p, word: p.update(grid=word),
    "extensions": lambda p, word: p.update(extensions=word),
    "a run": lambda p, word: renamed(p["runs"], RUN, word),
    "a task": lambda p, word: renamed(p["tasks"], TASK, word),
    "a surrogate": lambda p, word: p["surrogates"].update({word: classifier(word)}),
    "a target": lambda p, word: p["targets"].update({word: classifier(word)}),
    "a source": lambda p, word: p["tasks"][TASK]["dataset"].update(source=f"data/raw/{word}"),
    "a run's task": lambda p, word: p["runs"][RUN].update(task=word),
}

MAKE = ("make", "-o", "setup", f"VENV={sys.prefix}")  # of the environment that runs the tests


def call(*words):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", *words],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert not list(Path().rglob("*pwned*")), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("key", KEYS)
def test_make_run_refuses_it_before_dvc_starts(key, toy):
    for word in HOSTILE.values():
        before = Path("params.yaml").read_text()
        edit(Path("params.yaml"), lambda params, word=word: KEYS[key](params, word))
        done = call("pipeline", "run")
        assert done.returncode == 2
        assert done.stderr.startswith("error: params.yaml: ")
        assert not Path("artifacts").exists()
        Path("params.yaml").write_text(before)


@pytest.mark.parametrize("key", KEYS)
def test_dvc_itself_runs_none_of_it(key, prepared):
    """Also where all but the change is up to date, so that DVC would run what comes after."""
    for word in HOSTILE.values():
        before = Path("params.yaml").read_text()
        edit(Path("params.yaml"), lambda params, word=word: KEYS[key](params, word))
        done = call("dvc", "repro")
        assert done.returncode != 0
        Path("params.yaml").write_text(before)


@pytest.mark.parametrize("name", ["-x", "--help", "$(touch pwned)", '"; touch pwned; "', "a b"])
def test_make_grid_refuses_such_a_name(name, toy):
    command = [*MAKE, "grid", f"NAME={name.replace('$', '$$')}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"error: grid '{name}': a name is of a-z, 0-9 and -" in done.stderr
    assert not Path("pwned").exists()


def test_a_copied_grid_is_no_other_grid(toy):
    subprocess.run([*MAKE, "grid", "NAME=mine"], check=True, capture_output=True)
    params = Path("grids/mine/params.yaml")
    text = params.read_text()
    params.write_text(text.replace("grids/mine/", "grids/other/"))
    assert "here: must be 'grids/mine/'" in call("pipeline", "run", "--grid", "mine").stderr
    params.write_text(text.replace("grid: mine", "grid: quick"))
    assert "grid: must be 'mine'" in call("pipeline", "run", "--grid", "mine").stderr
