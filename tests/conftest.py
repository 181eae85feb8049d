"""Projects of their own for tests: a copy of this one, with parameters that take seconds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
NOT_COPIED = ("tests/", "docs/", "results/", "recorded/")
RUNS = ("maml-lazy-k5", "maml-exact-k1")  # of the top params.yaml, in the small project

# Before anything imports Prefect: tests touch neither the user's profile nor the clone's.
_HOME = tempfile.mkdtemp(prefix="lazyleap-tests-")
os.environ["PREFECT_HOME"] = f"{_HOME}/prefect"
os.environ["DVC_SITE_CACHE_DIR"] = f"{_HOME}/dvc"
os.environ["DO_NOT_TRACK"] = "1"
OF_MAKE = ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL", "ARGS")  # of the one around us
for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "LAZYLEAP_MAX_SECONDS", *OF_MAKE):
    os.environ.pop(name, None)
# A shell's background jobs ignore it, and so would every program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    command = ["git", *who, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def edit(file: Path, change: Any) -> None:
    """Let ``change`` alter the parameters in ``file``."""
    params = yaml.safe_load(file.read_text())
    change(params)
    file.write_text(yaml.safe_dump(params, sort_keys=False))


def copy(folder: Path) -> Path:
    """This project's sources, committed or not, as a git repository of their own."""
    listed = git(ROOT, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        if name.startswith(NOT_COPIED) or not (ROOT / name).is_file():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / "dvc.lock").write_text("schema: '2.0'\n")
    return folder


def commit(folder: Path) -> Path:
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "a project")
    return folder


def shrink_characters(task: dict[str, Any], **training: int) -> None:
    """A few-shot task of drawn characters, in place: seconds a setting."""
    task["dataset"].update(classes={"train": 12, "val": 6, "test": 6}, images_per_class=8)
    task["draw"].update(validation_episodes=4, test_episodes=6)
    task["model"]["width"] = 4
    task["training"].update(log_every=2, **training)
    task["test"].update(curve_episodes=2, curve_steps=6)


def _small(params: dict[str, Any]) -> None:
    params["device"] = "cpu"
    params["runs"] = {name: params["runs"][name] for name in RUNS}
    params |= {"surrogates": {}, "targets": {}}
    params["tasks"] = {"glyphs": params["tasks"]["glyphs"]}
    shrink_characters(params["tasks"]["glyphs"], meta_batch=2, meta_iterations=6, validate_every=3)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project with the real stages, in the current folder: seconds a setting."""
    folder = copy(tmp_path / "project")
    edit(folder / "params.yaml", _small)
    monkeypatch.chdir(commit(folder))
    return folder


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A Prefect server with a database of its own."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=300):
        yield
