"""Every command of the documents runs: as it is typed, in a project whose settings take seconds."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.classifiers import test_session as session
from tests.conftest import ROOT, commit, copy, edit, shrink_characters
from tests.docs.commands import commands
from tests.docs.elsewhere import ELSEWHERE
from tests.docs.given import LABELS, LEARNED, RUN
from tests.docs.rules import FIELDS, UNKNOWN, rule_of
from tests.longtail.project import TASK as TAIL
from tests.longtail.project import shrink
from tests.pipeline.commands import test_recipes as recipes

LIMIT = 400  # seconds of one command


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_documents_is_known_here(command):
    assert rule_of(command) is not UNKNOWN


def small(params: dict[str, Any]) -> None:
    """The settings that the documents name, of seconds each."""
    params |= {"device": "cpu", "surrogates": {}, "targets": {}}
    params["runs"] = {name: params["runs"][name] for name in (RUN, LEARNED, LABELS)}
    params["tasks"] = {name: params["tasks"][name] for name in ("glyphs", TAIL)}
    shrink_characters(params["tasks"]["glyphs"], meta_iterations=4, validate_every=2)
    shrink(params)


def small_fields(params: dict[str, Any]) -> None:
    """The grid of neural fields, in seconds."""
    task = params["tasks"]["drawings"]
    task["dataset"].update(size=12, classes={"train": 6, "val": 2, "test": 2}, images_per_class=4)
    task["draw"].update(validation_images=2, test_images=6)
    task["model"].update(layers=2, width=8)
    task["training"].update(meta_batch=2, meta_iterations=2, validate_every=1, log_every=1)
    params["runs"] = {name: params["runs"][name] for name in ("first-order-k5", "exact-k3")}


def as_grid(name: str) -> Callable[[dict[str, Any]], None]:
    """The small settings as those of a recorded grid, so that no data is fetched."""

    def change(params: dict[str, Any]) -> None:
        params |= {"root": "../..", "here": f"grids/{name}/", "grid": name}

    return change


@cache
def script() -> Path:
    """A folder with ``lazyleap``, as ``make setup`` puts it into the environment."""
    folder = Path(tempfile.mkdtemp(prefix="lazyleap-script-"))
    atexit.register(shutil.rmtree, folder)
    (folder / "lazyleap").write_text('#!/bin/sh\nexec python -m pipeline "$@"\n')
    (folder / "lazyleap").chmod(0o755)
    return folder


def environment() -> dict[str, str]:
    venv = Path(sys.prefix)
    place = os.pathsep.join([str(script()), str(venv / "bin"), os.environ["PATH"]])
    ports = {"PREFECT_PORT": str(free_port()), "TENSORBOARD_PORT": str(free_port())}
    return {**os.environ, **ports, "VENV": str(venv), "PATH": place, "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def shell(folder: Path, command: str) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after ``make run``, with a few pictures beside it."""
    folder = copy(tmp_path_factory.mktemp("walked") / "project")
    edit(folder / "params.yaml", small)
    for grid in (folder / "grids").iterdir():
        if grid.name == FIELDS:
            edit(grid / "params.yaml", small_fields)
            continue
        shutil.copy(folder / "params.yaml", grid / "params.yaml")
        edit(grid / "params.yaml", as_grid(grid.name))
    commit(folder)
    shell(folder, "dvc init -q --force >/dev/null 2>&1; make run")
    shell(folder, "git add -A && git -c user.name=t -c user.email=t@localhost commit -qm results")
    draw_pictures(folder)
    return folder


def draw_pictures(folder: Path) -> None:
    import numpy as np
    from PIL import Image

    recipes.draw(folder / "photos", {f"class{i:02}": 8 + 2 * (i % 4) for i in range(10)})
    recipes.draw(folder / "few", {f"class{i}": 8 for i in range(session.CLASSES)})
    (folder / "models").mkdir()
    session.model(folder / "models" / "ours.onnx", session.SHAPES["nhwc"])
    for i, name in enumerate("ab"):
        (folder / "pictures" / name).mkdir(parents=True)
        picture = np.zeros((28, 28), np.uint8)
        picture[4 + 8 * i : 12 + 8 * i] = 255
        for copy_ in range(2):
            Image.fromarray(picture).save(folder / "pictures" / name / f"{copy_}.png")


RUNNABLE = [c for c in commands() if not c.startswith(tuple(ELSEWHERE)) or "run" in c.split()[:2]]


@pytest.mark.system
@pytest.mark.timeout(2 * LIMIT)
@pytest.mark.parametrize("command", [c for c in RUNNABLE if not rule_of(c).stays])
def test_it_runs_as_it_is_typed(walked, command):
    rule = rule_of(command)
    for old, new in rule.replaced:
        command = command.replace(old, new)
    if rule.before:
        shell(walked, rule.before)
    shell(walked, command)


@pytest.mark.system
@pytest.mark.timeout(2 * LIMIT)
@pytest.mark.parametrize("command", [c for c in commands() if rule_of(c).stays])
def test_it_stands_until_it_is_stopped(walked, command, tmp_path):
    rule = rule_of(command)
    for old, new in rule.replaced:
        command = command.replace(old, new.format(port=free_port()))
    if rule.before:
        shell(walked, rule.before)
    with (tmp_path / "log").open("w+") as log:
        words = ["timeout", "-s", "INT", "-k", "10", "90", "bash", "-c", f"exec {command}"]
        with subprocess.Popen(words, cwd=walked, env=environment(), stdout=log, stderr=log) as it:
            while it.poll() is None and not said(tmp_path / "log", rule.stays):
                time.sleep(0.2)
            it.send_signal(signal.SIGINT)
        assert said(tmp_path / "log", rule.stays)


def said(log: Path, words: str) -> bool:
    return bool(re.search(words, log.read_text(), re.IGNORECASE))


def test_what_runs_elsewhere_does():
    integration = (ROOT / ".ci" / "run").read_text()
    assert "make test" in integration
    assert "make test-system" in integration
    assert re.search(r"^test: check", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for place in ELSEWHERE.values():
        assert place.exists()


@pytest.mark.system
def test_pip_install_takes_the_library_without_the_pipeline(tmp_path):
    source = copy(tmp_path / "source")
    command = "pip install --no-deps --no-build-isolation --target ../installed ."
    shell(source, f"{command} 2>&1 | tail -5; test -e ../installed/lazyleap/py.typed")
    code = "import lazyleap; assert 'installed' in lazyleap.__file__; lazyleap.Lazy"
    shell(tmp_path, f'cd installed && "{sys.executable}" -c "{code}"')


def test_the_python_of_the_readme_is_a_program():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    prelude = """
import torch
from torch import nn
network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
support_x, query_x = torch.randn(6, 3), torch.randn(4, 3)
support_y, query_y = torch.arange(6) % 2, torch.arange(4) % 2
"""
    for block in blocks:
        names: dict[str, Any] = {}
        exec(prelude + block, names)
        assert names["meta"].grad.keys() == names["theta"].keys()
