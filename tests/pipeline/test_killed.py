"""SIGKILL at any moment: what was started ends too, and no run is called running for ever."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pipeline import leash
from tests.conftest import RUNS
from tests.pipeline.processes import alive_in
from tests.pipeline.test_serve import free_port

SECONDS = 30  # after which nothing may be left
LAZY = RUNS[0]


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def begin(*arguments):
    command = [sys.executable, "-m", "pipeline", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def unfinished(home):
    if not (home / "prefect.db").exists():
        return []
    with sqlite3.connect(f"file:{home / 'prefect.db'}?mode=ro", uri=True) as base:
        asked = "select name, state_type from {} where state_type in ('RUNNING', 'PENDING')"
        return [
            row for table in ("flow_run", "task_run") for row in base.execute(asked.format(table))
        ]


def wait_for(path):
    for _ in range(1800):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} never came")


MOMENTS = ["training", random.Random(0).uniform(1, 4), random.Random(1).uniform(4, 20)]


@pytest.mark.system
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_leaves_nothing_and_the_next_one_finishes(
    toy, environment, monkeypatch, moment
):
    monkeypatch.setenv("TOY_SLOW", f"train {LAZY}")
    running = begin("run", "--only", LAZY)
    if moment == "training":
        wait_for(Path("toy.pid"))
    else:
        time.sleep(moment)
    running.kill()
    running.wait()
    assert alive_in(toy, SECONDS) == []
    assert unfinished(environment / "home") == []
    assert list((environment / "tmp").glob("*")) == []
    assert [path for path in toy.rglob(".*-????????") if path.is_dir()] == []
    monkeypatch.delenv("TOY_SLOW")
    assert begin("run", "--only", LAZY).wait() == 0
    assert (toy / "artifacts" / "export" / "quick" / LAZY).is_dir()
    assert alive_in(toy, SECONDS) == []


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_pages_end_with_their_program(prepared, environment, number):
    port = free_port()
    shown = begin("ui", "--port", str(port), "--tensorboard", str(free_port()))
    wait_for(environment / "home" / "prefect.db")
    shown.send_signal(number)
    assert shown.wait(SECONDS) == (0 if number == signal.SIGTERM else -number)
    assert alive_in(prepared, SECONDS) == []


STARTER = """
import sys, time
from pipeline import leash
leash.start([sys.executable, "-c", CHILD], [sys.executable, "-c", LAST])
time.sleep(60)
"""
CHILD = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
LAST = "open('last', 'w').write('words')"


def test_what_is_on_a_leash_ends_with_its_starter_after_the_last_words(tmp_path):
    code = f"CHILD, LAST = {CHILD!r}, {LAST!r}\n{STARTER}"
    starter = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    wait_for(tmp_path / "pid")
    starter.kill()
    starter.wait()
    assert alive_in(tmp_path, leash.GRACE + 5) == []
    assert (tmp_path / "last").read_text() == "words"


def test_a_leash_hands_on_the_exit_code_and_ends_what_a_killed_child_left(tmp_path):
    ended = leash.start([sys.executable, "-c", "raise SystemExit(7)"])
    assert ended.wait() == 7
    killed = leash.start(["sh", "-c", "sleep 60 & kill -9 $$"], cwd=tmp_path)
    assert killed.wait() == -signal.SIGKILL
    assert alive_in(tmp_path, 5) == []
