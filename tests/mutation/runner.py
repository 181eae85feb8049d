"""Runs chosen tests in a copy of the project: in a fork of a process that has torch already."""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.metadata
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (  # costly to import, and no part of what is mutated
    "torch", "torch._dynamo", "numpy", "pytest", "hypothesis", "pydantic", "yaml", "scipy.stats",
    "safetensors.torch", "PIL.Image", "torchmetrics.functional.classification", "typer", "pooch",
    "torch.utils.tensorboard", "PIL.ImageDraw", "psutil", "jinja2", "pydantic.main", "onnx",
)  # fmt: skip
PLAIN = ["-q", "-x", "-p", "no:cacheprovider", "-o", "addopts=", "--hypothesis-seed=0"]
SECONDS = 8.0  # of tests, as they took without a fault, that a mutant is tried with
LIMIT = 240.0  # CPU seconds after which they are taken never to end, fixtures included
KILLED, SURVIVED, TIMEOUT, UNTRIED = "killed", "survived", "timeout", "untried"


@dataclass(frozen=True)
class Done:
    """How a run of tests ended, by which test, and its CPU seconds."""

    outcome: str
    by: str
    seconds: float


class Chosen:
    """A pytest plugin: these tests, in this order; the first that fails is written down."""

    def __init__(self, tests: list[str], out: Path) -> None:
        self.tests, self.out = {test: i for i, test in enumerate(tests)}, out

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Select and order."""
        items[:] = [item for item in items if item.nodeid in self.tests]
        items.sort(key=lambda item: self.tests[item.nodeid])

    def pytest_runtest_logreport(self, report: Any) -> None:
        """The killer's name, or several where pytest goes on."""
        if report.failed:
            with self.out.open("a") as file:
                print(report.nodeid, file=file)


def preload() -> None:
    """Import once what every child would import."""
    for name in HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for plugin in importlib.metadata.entry_points(group="pytest11"):
        with contextlib.suppress(ImportError):
            plugin.load()
    gc.freeze()  # nothing of it is looked through again


def workplace(folder: Path) -> Path:
    """A copy of the project's sources as a repository, as some tests ask git for files."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    who = ["-c", "user.name=mutants", "-c", "user.email=mutants@localhost"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "as it is"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def run(place: Path, words: list[str], plugin: Any, limit: float) -> tuple[int | None, float]:
    """Pytest's exit code (None: out of time) and CPU seconds of ``pytest words`` in ``place``."""
    before = _spent()
    child = os.fork()
    if not child:
        _child(place, words, plugin, limit)
    status = _wait(child, 10 * limit + 60)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # what it may have left running
    code = None if status is None or os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return code, _spent() - before


def _wait(child: int, seconds: float) -> int | None:
    """Its status; None if it did not end. Time in which this process was stopped is none."""
    spent, last = 0.0, time.monotonic()
    while spent < seconds:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.02)
        now = time.monotonic()
        spent, last = spent + min(now - last, 1.0), now
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _child(place: Path, words: list[str], plugin: Any, limit: float) -> None:
    code = 70
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 5))
        scratch = place.parent / f"{place.name}-tmp"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        os.environ |= {"TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}
        os.environ["PYTHONPATH"] = str(place)
        sys.dont_write_bytecode = True
        os.chdir(place)
        output = os.open(place.parent / f"{place.name}.log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for name in [n for n in sys.modules if n.split(".")[0] in ("tests", "lazyleap", "stages")]:
            del sys.modules[name]
        sys.path[:] = [str(place), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]
        tempfile.tempdir = None
        code = int(pytest.main([*PLAIN, *words], [plugin]))
    finally:
        os._exit(code)


def attempt(place: Path, tests: list[str], limit: float, *, go_on: bool = False) -> Done:
    """Whether ``tests`` notice what is in ``place``; with ``go_on`` all that do."""
    if not tests:
        return Done(SURVIVED, "no test reaches it", 0.0)
    out = place.parent / f"{place.name}.killer"
    out.unlink(missing_ok=True)
    words = sorted({test.split("::")[0] for test in tests}) + ["--maxfail=0"] * go_on
    code, seconds = run(place, words, Chosen(tests, out), limit)
    if code is None:
        return Done(TIMEOUT, "", seconds)
    if code not in (0, 1, 2):  # without a killer: a file of tests could not even be imported
        raise RuntimeError(f"pytest ended with {code}: see {place.parent / place.name}.log")
    by = out.read_text().strip() if out.exists() else "an import" * (code > 0)
    return Done(SURVIVED if code == 0 else KILLED, by, seconds)
