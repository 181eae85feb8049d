"""A process that ends when the one that started it is gone, however that one ended.

:func:`start` puts this very file, as a program, between the two. It holds the reading end of a
pipe whose writing end nobody has but the starter: when the starter is killed the pipe ends, and
with it all that runs in the new process group. It needs no other module, and some 10 ms.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

GRACE = 5.0  # seconds between asking a group to end and ending it
LAST = 30.0  # seconds that the last words may take


def start(
    command: Sequence[str], last: Sequence[str] = (), **options: Any
) -> subprocess.Popen[Any]:
    """Start ``command`` in a process group of its own that does not outlive this process.

    Args:
        command: and its arguments; none at all waits for the end of this process alone.
        last: a command that is run first when this process is gone.
        options: of :class:`subprocess.Popen`.
    """
    program = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    return subprocess.Popen(
        [*program, str(_door()), json.dumps(list(last)), *command],
        pass_fds=[_door()],
        start_new_session=True,
        **options,
    )


def stop(process: subprocess.Popen[Any]) -> None:
    """End a leashed program with all it started, by force after the grace."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        signal_group(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
            return


def signal_group(group: int, number: int) -> None:
    """Send a signal to a whole process group, if it is still there."""
    with suppress(ProcessLookupError, PermissionError):  # gone already; macOS says "permission"
        os.killpg(group, number)


@cache
def _door() -> int:
    """The reading end of this process's pipe; the writing end is never closed, nor inherited."""
    reading, _writing = os.pipe()
    return reading


def _main(door: int, last: list[str], command: list[str]) -> int:
    """Run ``command`` until it ends or the pipe does."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _pass)  # a handler, which unlike SIG_IGN the command does not inherit
    if not command:
        _wait(door, last)
        return 0
    child = subprocess.Popen(command)
    threading.Thread(target=_guard, args=(door, last), daemon=True).start()
    code = child.wait()
    if code < 0:  # killed: what it had started is not left behind
        signal_group(os.getpgrp(), signal.SIGKILL)
    return code


def _guard(door: int, last: list[str]) -> None:
    _wait(door, last)
    signal_group(os.getpgrp(), signal.SIGINT)  # lets DVC give its locks back
    time.sleep(GRACE)
    signal_group(os.getpgrp(), signal.SIGKILL)


def _wait(door: int, last: list[str]) -> None:
    os.read(door, 1)  # returns when no process is left that could write
    if last:
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(last, timeout=LAST, check=False)


def _pass(_number: int, _frame: FrameType | None) -> None:
    """Go on: what runs is told the same, and its end is ours."""


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]))
