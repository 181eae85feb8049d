"""Prefect's server: the one that is configured, or one that lasts as long as this process."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from lazyleap.errors import InputError
from pipeline import leash

PORT = 4200
START = 300.0  # seconds a server may take to answer on a slow machine
HOST = "127.0.0.1"


def configured() -> str:
    """The address of the server that is configured, else of the local one, which may not run."""
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value() or local()


def local() -> str:
    """The address that `lazyleap ui` and `lazyleap serve` have their server at."""
    return address(int(os.environ.get("PREFECT_PORT", PORT)))


def address(port: int) -> str:
    """Of a server on this machine."""
    return f"http://{HOST}:{port}/api"


def answers(url: str) -> bool:
    """Whether a Prefect server is there."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def for_this_run() -> None:
    """Have a server until this process ends, without pages, unless one is configured.

    Runs of processes that were killed before are called crashed, and so is this one if it is.
    The server stays until Prefect's own last words, which Python runs first, are said.
    """
    from prefect.context import refresh_global_settings_context
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    if url is not None:
        atexit.register(leash.stop, leash.start([], _last_words(url)))
    else:
        url = address(port := _free_port())
        command, more = _without_pages(port)
        server = leash.start(command, _last_words(url), env={**os.environ, **more})
        atexit.register(leash.stop, server)
        _wait(server, url)
        os.environ["PREFECT_API_URL"] = url
        refresh_global_settings_context()
    with suppress(OSError):  # Prefect will say it
        _bury(url)


@contextmanager
def of_a_service(*folders: str) -> Iterator[str]:
    """The configured server, the local one that runs already, or one as long as this lasts.

    ``folders``: temporary ones that are to be gone with this process.

    Raises:
        InputError: if none comes up.
    """
    url = configured()
    there = url != local() or answers(url)
    command = [] if there else pages(int(url.split(":")[2].split("/")[0]))
    more = {"PREFECT_SERVER_UI_API_URL": url}
    held = leash.start(command, _last_words(url, *folders), env={**os.environ, **more})
    try:
        if not there:
            _wait(held, url)
        _bury(url)
        yield url
    finally:
        leash.stop(held)


def pages(port: int) -> list[str]:
    """The command of a server with all its services and pages."""
    return [*_python("prefect"), "server", "start", "--host", HOST, "--port", str(port)]


def _without_pages(port: int) -> tuple[list[str], dict[str, str]]:
    """What Prefect itself starts for a script that has no server, which we hold on a leash."""
    spec = find_spec("prefect")
    assert spec is not None
    assert spec.origin is not None
    command = [*_python("uvicorn"), "--app-dir", str(Path(spec.origin).parent), "--factory"]
    command += ["prefect.server.api.server:create_app", "--host", HOST, "--port", str(port)]
    ephemeral = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1"}
    return [*command, "--log-level", "error", "--lifespan", "on"], ephemeral | {
        "PREFECT__SERVER_FINAL": "1"
    }


def _last_words(url: str, *folders: str) -> list[str]:
    return [*_python("pipeline.crashed"), url, *folders]


def _bury(url: str) -> None:
    from pipeline import crashed

    crashed.bury(url)


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _wait(server: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + START
    while not answers(url):
        if server.poll() is not None or time.monotonic() > until:
            raise InputError(f"PREFECT_PORT: no Prefect server came up at {url}")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as door:
        door.bind((HOST, 0))
        return int(door.getsockname()[1])
