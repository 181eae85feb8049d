"""Prefect's server: the one that is configured, or one that lasts as long as this process."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from lazyleap.errors import InputError
from lazyleap.files import refuses
from pipeline import leash

PORT = 4200
START = 300.0  # seconds a server may take to answer on a slow machine
AGAIN = 3  # times that a server is started again
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
        begin = partial(leash.start, command, _last_words(url), env={**os.environ, **more})
        server = KeptUp(begin)
        atexit.register(server.stop)
        server.wait(url)
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
    last = _last_words(url, *folders)
    held = KeptUp(partial(leash.start, command, last, env={**os.environ, **more}))
    try:
        if not there:
            held.wait(url)
        _bury(url)
        yield url
    finally:
        held.stop()


class KeptUp:
    """A server on a leash, which is started again at its address should somebody kill it.

    Prefect's client asks again for minutes, so that a run at work does not notice.
    """

    def __init__(self, begin: Callable[[], subprocess.Popen[bytes]]) -> None:
        self._begin, self._process, self._over = begin, begin(), threading.Event()

    def wait(self, url: str) -> None:
        """Until it answers; from then on it is kept up.

        Raises:
            InputError: if it ends before, or takes too long.
        """
        until = time.monotonic() + START
        while not answers(url):
            if self._process.poll() is not None or time.monotonic() > until:
                raise InputError(_why(url))
            time.sleep(0.2)
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self) -> None:
        for _ in range(AGAIN):
            self._process.wait()
            if self._over.is_set():
                return
            self._process = self._begin()

    def stop(self) -> None:
        """End it for good."""
        self._over.set()
        leash.stop(self._process)


def _why(url: str) -> str:
    """The sentence of a server that does not come up."""
    from prefect.settings import PREFECT_HOME

    home = PREFECT_HOME.value()
    if reason := refuses(home):
        return f"{home}: cannot be written ({reason}), and Prefect's server keeps its state there"
    return f"PREFECT_PORT: no Prefect server came up at {url}"


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


def _free_port() -> int:
    with socket.socket() as door:
        door.bind((HOST, 0))
        return int(door.getsockname()[1])
