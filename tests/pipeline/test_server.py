"""A server that somebody kills is there again, until it is stopped."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial

import pytest
from prefect.settings import PREFECT_HOME, temporary_settings

from lazyleap.errors import InputError
from pipeline import leash, server
from tests.pipeline.test_serve import free_port

HEALTHY = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def until(wanted, url):
    for _ in range(300):
        if server.answers(url) == wanted:
            return True
        time.sleep(0.1)
    return False


def test_a_killed_server_is_started_again_until_it_is_stopped():
    port, begun = free_port(), []

    def begin() -> subprocess.Popen[bytes]:
        begun.append(leash.start([sys.executable, "-c", HEALTHY, str(port)]))
        return begun[-1]

    url, held = server.address(port), server.KeptUp(begin)
    try:
        held.wait(url)
        leash.signal_group(begun[0].pid, 9)
        begun[0].wait()
        assert until(True, url)
        assert len(begun) == 2
    finally:
        held.stop()
    assert until(False, url)
    assert [process.wait() for process in begun] == [-9, begun[1].returncode]
    assert len(begun) == 2


def test_a_server_that_never_came_up_is_not_tried_again():
    held = server.KeptUp(partial(leash.start, [sys.executable, "-c", "raise SystemExit(1)"]))
    with pytest.raises(InputError, match="no Prefect server came up at"):
        held.wait(server.address(free_port()))
    held.stop()


@pytest.mark.parametrize("size", ["full", "room"])
def test_a_server_whose_disk_is_full_is_said_to_have_none(tmp_path, monkeypatch, size):
    home = tmp_path / "home"
    home.mkdir() if size == "room" else home.write_text("no folder")
    with temporary_settings(updates={PREFECT_HOME: home}):
        words = server._why("http://x/api")
    wanted = f"{home}: cannot be written (Not a directory), and Prefect's server keeps"
    assert words.startswith("PREFECT_PORT: no Prefect" if size == "room" else wanted)
