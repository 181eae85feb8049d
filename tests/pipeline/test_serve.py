"""A schedule fires by itself, with a server of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.conftest import RUNS
from tests.pipeline.processes import alive_in

pytestmark = pytest.mark.system

PATIENCE = 360  # seconds: a server's start, at most a minute until it is due, and a run


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def completed(url):
    body = json.dumps({"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}).encode()
    asked = urllib.request.Request(
        f"{url}/flow_runs/filter", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)
    except OSError:
        return []


@pytest.mark.timeout(PATIENCE + 60)
def test_a_flow_on_a_cron_of_every_minute_runs_by_itself(prepared, tmp_path):
    port = free_port()
    environment = {**os.environ, "PREFECT_PORT": str(port), "PREFECT_HOME": str(tmp_path / "home")}
    environment.pop("PREFECT_API_URL", None)
    command = [*(sys.executable, "-m", "pipeline", "serve"), "--cron", "* * * * *"]
    with (tmp_path / "log").open("w") as log:
        serving = subprocess.Popen(
            [*command, "--only", RUNS[0]],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + PATIENCE
        while not (found := completed(f"http://127.0.0.1:{port}/api")):
            assert serving.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(2)
        assert found[0]["auto_scheduled"]
        assert (prepared / "artifacts" / "export" / "quick" / RUNS[0]).is_dir()
    finally:
        serving.send_signal(signal.SIGTERM)
        try:
            assert serving.wait(40) == 0, (tmp_path / "log").read_text()
            assert alive_in(prepared, 30) == []
        finally:
            serving.kill()
