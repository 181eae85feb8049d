"""Processes of :mod:`pipeline.warm`: kept between chains of stages while a flow is at work."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO

from pipeline import leash, warm

# Not as a module, for that would load the package around it, and lazyleap's with it.
_PROGRAM = (
    "import os, runpy, sys; sys.path[0] = os.getcwd(); "
    "runpy.run_path(sys.argv[1], run_name='__main__')"
)
_lock = threading.Lock()
_idle: list[subprocess.Popen[str]] = []
_keepers = 0


@contextmanager
def kept() -> Iterator[None]:
    """While inside, who has done a chain waits for the next; then they end."""
    global _keepers
    with _lock:
        _keepers += 1
    try:
        yield
    finally:
        with _lock:
            _keepers -= 1
        while not _keepers and (process := _pop()):
            _dismiss(process)


def take(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Give one of them, or a new one, a job: ``dvc`` with these arguments, all that is its own.

    What DVC and its stages write comes out of its ``stdout``, and after it a line
    :data:`pipeline.warm.ENDED` with the exit code. If it is killed, the output just ends.
    """
    job = json.dumps({"arguments": list(arguments), "environment": dict(environment)})
    while process := _pop():
        if _told(process, job):
            return process
    process = _start(environment)
    _told(process, job)  # if it is dead already, its output ends
    return process


def give_back(process: subprocess.Popen[str]) -> None:
    """It has ended its job: keep it for another, or let it go."""
    with _lock:
        if _keepers:
            _idle.append(process)
            return
    _dismiss(process)


def _pop() -> subprocess.Popen[str] | None:
    with _lock:
        return _idle.pop() if _idle else None


def _told(process: subprocess.Popen[str], job: str) -> bool:
    try:
        _stdin(process).write(f"{job}\n")
        _stdin(process).flush()
    except BrokenPipeError:  # somebody killed it
        return False
    return process.poll() is None


def _start(environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return leash.start(
        [sys.executable, "-c", _PROGRAM, warm.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=dict(environment),
    )


def _dismiss(process: subprocess.Popen[str]) -> None:
    _stdin(process).close()
    process.wait()


def _stdin(process: subprocess.Popen[str]) -> IO[str]:
    if process.stdin is None:
        raise ValueError("it was not started here")
    return process.stdin
