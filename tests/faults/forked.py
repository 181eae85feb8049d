"""A stage program in a fork of this process, which has imported PyTorch already: a second each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import IO

from stages import program


class Forked:
    """As a ``subprocess.Popen`` of ``python -m stages.NAME KEY``, in a session of its own."""

    def __init__(self, name: str, key: str, said: IO[str]) -> None:
        self.returncode: int | None = None
        command = import_module(f"stages.{name}").main
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _run(command, [f"stages.{name}", key], said.fileno())

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """The exit code, once it has ended."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("fork", timeout)
            time.sleep(0.02)
        return code

    def kill(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)


def _run(command: Callable[..., None], argv: list[str], said: int) -> None:
    """Be the program; never returns."""
    code = 1
    try:
        os.setsid()
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
        sys.argv = argv
        program.run(command)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
