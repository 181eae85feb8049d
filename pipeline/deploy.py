"""Schedules the flow: served by this process, or by a worker of a pool (see prefect.yaml)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings

from lazyleap.errors import InputError

PORT = 4200
START = 300.0  # seconds a server may take to answer on a slow machine


def serve(flow: Flow[Any, Any], name: str, cron: str, parameters: dict[str, Any]) -> None:
    """Run ``flow`` on a schedule until stopped; a server is started if none is configured.

    Raises:
        InputError: if ``cron`` is not a schedule or no server comes up.
    """
    try:
        CronSchedule(cron=cron)
    except ValueError as error:
        raise InputError(f"--cron '{cron}': is not a schedule such as '0 2 * * *'") from error
    given = {key: value for key, value in parameters.items() if value is not None}
    with _server() as url, temporary_settings(updates={PREFECT_API_URL: url}):
        flow.serve(name=name, cron=cron, parameters=given, limit=1)


@contextmanager
def _server() -> Iterator[str]:
    """The configured server, the local one that runs already, or one for as long as this lasts."""
    local, url = _local(), configured()
    if url != local or answers(url):
        yield url
        return
    server = _start(local)
    try:
        _wait(server, local)
        yield local
    finally:
        server.terminate()
        server.wait()


def _start(url: str) -> subprocess.Popen[bytes]:
    port = url.rpartition(":")[2].removesuffix("/api")
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
    environment = {**os.environ, "PREFECT_SERVER_UI_API_URL": url}
    return subprocess.Popen([*command, "--port", port], env=environment)


def _wait(server: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + START
    while not answers(url):
        if server.poll() is not None or time.monotonic() > until:
            raise InputError(f"PREFECT_PORT: no Prefect server came up at {url}")
        time.sleep(0.5)


def configured() -> str:
    """The address of the server that is configured, else of the local one, which may not run."""
    return PREFECT_API_URL.value() or _local()


def _local() -> str:
    return f"http://127.0.0.1:{os.environ.get('PREFECT_PORT', PORT)}/api"


def answers(url: str) -> bool:
    """Whether a Prefect server is there."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
