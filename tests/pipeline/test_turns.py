"""Several at work in one checkout: they wait for each other, and each setting is trained once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect import flow, get_client
from prefect.client.schemas.objects import StateType
from prefect.runtime import flow_run
from prefect.states import Scheduled

from pipeline import services, turn
from pipeline.outcomes import BusyError, failure
from tests.conftest import RUNS

AT_WORK = r"waits for process {} \({}\), at work here since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
LIMIT = 300


def start(*words):
    return subprocess.Popen(
        [sys.executable, "-m", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def until(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def trained():
    path = Path("toy.trained")
    return sorted(path.read_text().split()) if path.exists() else []


@pytest.mark.system
def test_two_runs_at_once_train_each_setting_once(prepared, monkeypatch):
    monkeypatch.setenv("TOY_SECONDS", "6")
    first = start("pipeline", "run")
    until(lambda: Path(".dvc/tmp/lazyleap-quick.lock").exists())
    second = start("pipeline", "run")
    said, _ = second.communicate(timeout=LIMIT)
    assert first.wait(LIMIT) == second.returncode == 0, said
    assert re.search(AT_WORK.format(first.pid, "lazyleap run"), said)
    assert "results/quick/summary.csv" in said
    assert trained() == sorted(RUNS)


@pytest.mark.system
def test_dvc_that_comes_upon_a_run_disturbs_nothing(prepared, monkeypatch):
    monkeypatch.setenv("TOY_SECONDS", "6")
    run = start("pipeline", "run")
    until(trained)
    by_hand = start("dvc", "repro")
    said, _ = by_hand.communicate(timeout=LIMIT)
    assert by_hand.returncode == 0 or re.search("is busy|acquire lock", said), said
    assert run.wait(LIMIT) == 0
    assert trained() == sorted(RUNS)


@pytest.mark.system
def test_the_table_of_an_earlier_run_is_not_shown_as_this_ones(prepared, monkeypatch):
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", "--only", RUNS[0]], capture_output=True, text=True
    )
    assert "accuracy@1" in done.stdout
    monkeypatch.setenv("TOY_FAIL", f"train {RUNS[1]}")
    failed = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", "--only", RUNS[1]], capture_output=True, text=True
    )
    assert failed.returncode == 1
    assert "results/quick/summary.csv: of an earlier run, not shown" in failed.stdout
    assert "accuracy@1" not in failed.stdout


def holder():
    """A process that wants the turn of "g", and keeps it until it is told to go on; its note."""
    program = "from pipeline import turn\nwith turn.turn('g', print): input()"
    other = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(turn.__file__).parents[1])},
    )
    note = Path(".dvc/tmp/lazyleap-g.lock")
    until(lambda: note.exists() and note.read_text())
    return other, note


def test_a_turn_is_taken_by_one_and_is_free_after_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other, note = holder()
    with turn.turn("another", str) as waited:
        assert not waited
    said = []

    def hear(words):
        said.append(words)
        other.communicate(b"\n")

    with turn.turn("g", hear) as waited:
        assert waited
        assert str(os.getpid()) in note.read_text()
        with turn.turn("g", str) as again:
            assert not again
    assert re.fullmatch(AT_WORK.format(other.pid, "lazyleap"), said[0])
    assert note.read_text() == ""


def test_who_waits_for_a_dvc_is_named_once_to_who_waits_for_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    by_hand = subprocess.Popen([sys.executable, "-c", "input()", "dvc", "repro"], stdin=-1)
    other, _ = holder()
    said = []

    def hear(words):
        said.append(words)
        threading.Timer(3 * turn.POLL, by_hand.communicate, [b"\n"]).start()
        threading.Timer(6 * turn.POLL, other.communicate, [b"\n"]).start()

    with turn.turn("g", hear):
        pass
    assert len(said) == 1
    assert re.fullmatch(AT_WORK.format(other.pid, "lazyleap"), said[0])


def test_who_blocks_a_stage_is_told_from_what_dvc_says():
    tail = ["ERROR: failed to reproduce 'train@x': 'a/b' is busy, it is being blocked by:"]
    error = failure("train@x", 255, [*tail, "  (PID 4711): dvc repro"])
    assert isinstance(error, BusyError)
    assert (error.pid, error.command) == (4711, "dvc repro")
    assert not isinstance(failure("train@x", 255, ["Unable to acquire lock."]), BusyError)


@pytest.mark.system
def test_missed_ticks_are_taken_once(prefect_server, monkeypatch):
    """Late ones of the same schedule alone: none of the future, none that somebody asked for."""

    @flow
    def ticking():
        services.drop_missed()
        return flow_run.id

    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(ticking), "ticks")
        now = datetime.now(UTC)
        runs = [
            client.create_flow_run_from_deployment(
                deployment, state=Scheduled(scheduled_time=now + timedelta(minutes=minutes))
            ).id
            for minutes in (-3, -2, -1, 5)
        ]
        every = type(client).read_flow_runs

        def by_schedule(*given, **only):  # the client cannot create one
            return [
                run.model_copy(update={"auto_scheduled": run.id != runs[0]})
                for run in every(*given, **only)
            ]

        monkeypatch.setattr(type(client), "read_flow_runs", by_schedule)
        monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", str(deployment))
        ticking()
        states = [client.read_flow_run(run).state.type for run in runs]
    cancelled, waiting = StateType.CANCELLED, StateType.SCHEDULED
    assert states == [waiting, cancelled, cancelled, waiting]
