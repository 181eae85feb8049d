"""ui: both pages answer, and nothing of them is left when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.pipeline.test_serve import free_port

pytestmark = pytest.mark.system

PATIENCE = 240  # seconds until the pages answer


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def left(marks: tuple[str, ...]) -> list[str]:
    """Command lines of processes that name one of these words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(mark in words for mark in marks):
            found.append(" ".join(words))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(PATIENCE + 60)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_both_and_leaves_nothing(prepared, number):
    ports = str(free_port()), str(free_port())
    words = ["-m", "pipeline", "ui", "--port", ports[0], "--tensorboard", ports[1]]
    environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
    with subprocess.Popen([sys.executable, *words], env=environment) as showing:
        try:
            until = time.monotonic() + PATIENCE
            urls = [f"http://127.0.0.1:{ports[0]}/api/health", f"http://127.0.0.1:{ports[1]}/"]
            while not all(map(answers, urls)):
                assert showing.poll() is None
                assert time.monotonic() < until
                time.sleep(0.5)
        finally:
            showing.send_signal(number)
        assert showing.wait(60) == 0
    assert left(ports) == []
