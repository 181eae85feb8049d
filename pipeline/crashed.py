"""Calls flow runs crashed whose process is gone: ``python -m pipeline.crashed URL FOLDER...``.

Prefect hears of a run's end from its own process alone. One that is killed would be "Running" for
ever. Called when a run's starter is gone, and before a run begins; no Prefect here, which takes
seconds to import. The folders, temporary ones of the starter, are removed.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psutil

PATIENCE = 15.0  # seconds that processes are given to end after their starter
RUNNING = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}
REASON = "the process was killed; what was finished is kept, and the next run goes on"


def noted() -> str:
    """How a flow run notes its process: as Prefect's own workers do."""
    return f"{socket.gethostname()}:{psutil.Process().pid}"


def bury(url: str) -> int:
    """Call every run crashed whose process, of this machine, is gone; how many still live."""
    alive = 0
    for run in _ask(f"{url}/flow_runs/filter", {"flow_runs": RUNNING}):
        host, _, pid = (run.get("infrastructure_pid") or "").rpartition(":")
        if host != socket.gethostname() or not pid.isdigit():
            continue
        if _lives(int(pid), run["start_time"]):
            alive += 1
        else:
            _call_crashed(url, run["id"])
    return alive


def _call_crashed(url: str, run: str) -> None:
    only = {"flow_runs": {"id": {"any_": [run]}}, "task_runs": RUNNING}
    crashed = {"state": {"type": "CRASHED", "name": "Crashed", "message": REASON}, "force": True}
    for task in _ask(f"{url}/task_runs/filter", only):
        _ask(f"{url}/task_runs/{task['id']}/set_state", crashed)
    _ask(f"{url}/flow_runs/{run}/set_state", crashed)


def _lives(pid: int, began: str | None) -> bool:
    """Whether the process is there and not a later one of the same number."""
    try:
        process = psutil.Process(pid)
        if began is None:
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        since = datetime.fromisoformat(began.replace("Z", "+00:00")).timestamp()
        return bool(process.create_time() <= since + 1 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _ask(url: str, content: dict[str, Any]) -> Any:
    body = json.dumps(content).encode()
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.load(answer)


def main(url: str, folders: list[str]) -> None:
    """Wait until no run is left whose process may still be about to end."""
    for _ in _until(PATIENCE):
        try:
            if not bury(url):
                break
        except OSError:
            break  # no server, no runs that it could call running
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _until(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
