"""A schedule fires by itself, with a server of its own, also beside runs by hand."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import RUNS
from tests.pipeline.processes import alive_in
from tests.pipeline.test_turns import AT_WORK, start, trained, until

pytestmark = pytest.mark.system

PATIENCE = 360  # seconds: a server's start, at most a minute until it is due, and a run


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def flow_runs(url, *states):
    body = json.dumps({"flow_runs": {"state": {"type": {"any_": states}}}}).encode()
    asked = urllib.request.Request(
        f"{url}/flow_runs/filter", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)
    except OSError:
        return []


@pytest.mark.timeout(PATIENCE + 60)
def test_a_cron_of_every_minute_beside_dvc_and_a_run_trains_each_setting_once(
    prepared, tmp_path, monkeypatch
):
    """All wait for DVC, which does not wait for anybody and so began; all end well."""
    monkeypatch.setenv("TOY_SECONDS", "6")
    by_hand = start("dvc", "repro")
    until(Path(".dvc/tmp/rwlock").exists)
    run = start("pipeline", "run")
    port = free_port()
    address = f"http://127.0.0.1:{port}/api"
    environment = {**os.environ, "PREFECT_PORT": str(port), "PREFECT_HOME": str(tmp_path / "home")}
    environment.pop("PREFECT_API_URL", None)
    command = [*(sys.executable, "-m", "pipeline", "serve"), "--cron", "* * * * *"]
    with (tmp_path / "log").open("w") as log:
        serving = subprocess.Popen(
            command,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + PATIENCE
        while not (found := flow_runs(address, "COMPLETED")):
            assert serving.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < end, (tmp_path / "log").read_text()
            time.sleep(2)
        assert found[0]["auto_scheduled"]
        said, _ = run.communicate(timeout=PATIENCE)
        assert by_hand.wait(PATIENCE) == run.returncode == 0, said
        assert re.search(AT_WORK.format(by_hand.pid, "-m dvc repro"), said)
        assert trained() == sorted(RUNS)
        assert flow_runs(address, "FAILED", "CRASHED") == []
        assert (prepared / "artifacts" / "export" / "quick" / RUNS[0]).is_dir()
    finally:
        serving.send_signal(signal.SIGTERM)
        try:
            assert serving.wait(40) == 0, (tmp_path / "log").read_text()
            assert alive_in(prepared, 30) == []
        finally:
            serving.kill()
