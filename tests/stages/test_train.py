"""The train stage as its user has it: a program that can be stopped at any moment."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.conftest import ROOT, copy, edit

RUN = "maml-lazy-k5"
TRAINED = Path("artifacts/train/quick") / RUN
RECORD = Path("artifacts/record/quick") / RUN


def stage(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"stages.{name}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def longer(params: dict, iterations: int = 60) -> None:
    params["tasks"]["glyphs"]["training"].update(meta_iterations=iterations, validate_every=4)


def start_and_kill(after: int) -> None:
    """Train in the background and kill -9 once a checkpoint and ``after`` iterations are there."""
    command = [sys.executable, "-m", "stages.train", RUN]
    environment = os.environ | {"LAZYLEAP_PROGRESS_SECONDS": "0"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if (found := re.search(r" (\d+)/\d+ ", line)) and int(found[1]) >= after:
                child.send_signal(signal.SIGKILL)
                break
        child.wait()
    assert child.returncode == -signal.SIGKILL
    assert not TRAINED.exists()
    assert list(Path(".scratch/quick").glob(f"{RUN}/*/checkpoint.pt"))


def scalars(folder: Path) -> dict[str, list[int]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [e.step for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.fixture
def prepared(project: Path) -> Path:
    edit(project / "params.yaml", longer)
    done = stage("prepare", "glyphs")
    assert done.returncode == 0, done.stderr
    return project


def test_killed_and_resumed_is_bit_identical_to_uninterrupted(prepared: Path) -> None:
    start_and_kill(after=10)
    start_and_kill(after=30)
    done = stage("train", RUN)
    assert done.returncode == 0, done.stderr
    killed = {f.name: f.read_bytes() for f in TRAINED.iterdir()}
    steps = scalars(RECORD / "tensorboard")
    assert json.loads((RECORD / "record.json").read_text())["resumed"] == 2
    assert not list(Path(".scratch/quick").glob(f"{RUN}/*"))

    assert stage("train", RUN).returncode == 0
    assert {f.name: f.read_bytes() for f in TRAINED.iterdir()} == killed
    assert scalars(RECORD / "tensorboard") == steps  # each step once: nothing doubled, nothing lost
    assert json.loads((RECORD / "record.json").read_text())["resumed"] == 0


def test_time_budget_stops_cleanly_and_the_next_call_goes_on(prepared: Path) -> None:
    stopped = stage("train", RUN, LAZYLEAP_MAX_SECONDS="0.2")
    assert stopped.returncode == 75
    assert re.search(
        r"^error: the time budget of 0.2 s ended after \d+ of 60", stopped.stderr, re.M
    )
    assert not TRAINED.exists()
    assert stage("train", RUN).returncode == 0
    assert json.loads((RECORD / "record.json").read_text())["resumed"] == 1


def test_divergence_names_setting_step_and_knob_and_keeps_what_was_there(prepared: Path) -> None:
    edit(prepared / "params.yaml", lambda p: longer(p, 2))
    assert stage("train", RUN).returncode == 0
    before = {f.name: f.read_bytes() for f in TRAINED.iterdir()}
    edit(prepared / "params.yaml", lambda p: p["runs"][RUN].update(inner_lr=1e30))
    failed = stage("train", RUN)
    assert failed.returncode == 3
    assert re.search(rf"^error: {RUN}: train/\w+ is (nan|inf) at iteration 0; lower", failed.stderr)
    assert "inner_lr (1e+30)" in failed.stderr
    assert {f.name: f.read_bytes() for f in TRAINED.iterdir()} == before


def test_second_process_on_one_run_is_refused(prepared: Path) -> None:
    edit(prepared / "params.yaml", lambda p: longer(p, 10**6))
    command = [sys.executable, "-m", "stages.train", RUN]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as child:
        try:
            wait_for(lambda: list(Path(".scratch/quick").glob(f"{RUN}/*/checkpoint.pt")))
            refused = stage("train", RUN)
        finally:
            child.kill()
    assert refused.returncode == 2
    assert "another process is at work on this run" in refused.stderr


def test_broken_checkpoint_is_one_sentence(prepared: Path) -> None:
    assert stage("train", RUN, LAZYLEAP_MAX_SECONDS="0.1").returncode == 75
    (checkpoint,) = Path(".scratch/quick").glob(f"{RUN}/*/checkpoint.pt")
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    failed = stage("train", RUN)
    assert failed.returncode == 2
    assert f"error: {checkpoint}: is not a checkpoint" in failed.stderr
    assert "delete it to start anew" in failed.stderr


def test_another_setting_does_not_resume_this_ones_checkpoint(prepared: Path) -> None:
    assert stage("train", RUN, LAZYLEAP_MAX_SECONDS="0.1").returncode == 75
    edit(prepared / "params.yaml", lambda p: (longer(p, 4), p["runs"][RUN].update(horizon=3)))
    assert stage("train", RUN).returncode == 0
    assert json.loads((RECORD / "record.json").read_text())["resumed"] == 0


def test_every_tag_is_defined_and_there_is_one_run(prepared: Path) -> None:
    edit(prepared / "params.yaml", lambda p: longer(p, 4))
    assert stage("train", RUN).returncode == 0
    folder = RECORD / "tensorboard"
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = {*events.Tags()["scalars"], *events.Tags()["images"]} - {"hparam/validation_score"}
    defined = set(re.findall(r"^\| `(\w+/\w+)` \|", (ROOT / "docs/metrics.md").read_text(), re.M))
    assert tags == defined
    assert [f for f in folder.rglob("*") if f.is_dir()] == []  # add_hparams would make one


def test_stage_ends_when_dvc_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An orphan would hold the run's lock and train against the next repro."""
    folder = copy(tmp_path / "project")
    monkeypatch.chdir(folder)
    watched = (
        "import time; from stages.scratch import end_with_parent; end_with_parent();"
        "print('up', flush=True); time.sleep(60)"
    )
    launcher = (
        "import subprocess, sys;"
        "p = subprocess.Popen([sys.executable, '-c', sys.argv[1]]); print(p.pid, flush=True);"
        "p.wait()"
    )
    command = [sys.executable, "-c", launcher, watched]
    environment = os.environ | {"DVC_STAGE": "train"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert parent.stdout.readline() == "up\n"
        parent.kill()
    wait_for(lambda: not alive(child))


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
