"""Takes turns in a checkout: a grid is run by one at a time; the others wait and say for whom."""

from __future__ import annotations

import fcntl
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

import psutil

NOTED = Path(".dvc/tmp")  # which git ignores
POLL = 0.5  # seconds
WHOLE = ("repro", "exp")  # commands of DVC that may run all stages

_held: set[str] = set()


class Worker(NamedTuple):
    """Who is at work: process number, command, and the time it began at."""

    pid: int
    command: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command}), at work here since {self.since}"


@contextmanager
def turn(grid: str, say: Callable[[str], object]) -> Iterator[bool]:
    """Hold a grid of this checkout; whether somebody had to be waited for.

    Whoever ``say`` is told of is either another run of the grid or DVC at work by itself. Within a
    turn of this very process there is nothing to wait for.
    """
    if grid in _held:
        yield False
        return
    NOTED.mkdir(parents=True, exist_ok=True)
    with (NOTED / f"lazyleap-{grid}.lock").open("a+") as file:
        waited = _wait(lambda: _other(file), say)
        _note(file, Worker(psutil.Process().pid, _command(), _now()))
        waited = _wait(_by_hand, say) or waited
        _held.add(grid)
        try:
            yield waited
        finally:
            _held.discard(grid)
            _note(file, None)


def wait_for_end(
    pid: int, command: str, stopped: Callable[[], bool], say: Callable[[str], object]
) -> None:
    """Wait until a process has ended, or this run is ``stopped``."""
    try:
        process = psutil.Process(pid)
        say(f"waits for {Worker(pid, command, _when(process))}")
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and not stopped():
            time.sleep(POLL)
    except psutil.NoSuchProcess:
        return


def _wait(who: Callable[[], Worker | None], say: Callable[[str], object]) -> bool:
    told: tuple[int, str] | None = None
    while (found := who()) is not None:
        if found[:2] != told:
            say(f"waits for {found}")
        told = found[:2]
        time.sleep(POLL)
    return told is not None


def _other(file: IO[str]) -> Worker | None:
    """Who holds the lock; nobody: it is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        text = file.read()
        return Worker(*json.loads(text)) if text else Worker(0, "a run that begins", _now())
    return None


def _note(file: IO[str], worker: Worker | None) -> None:
    file.seek(0)
    file.truncate()
    file.write(json.dumps(worker) if worker else "")
    file.flush()


def _by_hand() -> Worker | None:
    """A DVC that runs stages of this checkout, called by somebody else than our flows."""
    here = Path.cwd()
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if _runs_stages(words) and Path(process.cwd()).is_relative_to(here):
                return Worker(process.pid, shlex.join(words[1:]), _when(process))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return None


def _runs_stages(words: list[str]) -> bool:
    """Whether they call DVC by its program or module, and not as our flows do."""
    program = any(Path(word).name == "dvc" for word in words[:4])
    return program and any(word in words for word in WHOLE) and "--single-item" not in words


def _command() -> str:
    return shlex.join(["lazyleap", *sys.argv[1:]])


def _now() -> str:
    return f"{datetime.now():%Y-%m-%d %H:%M:%S}"


def _when(process: psutil.Process) -> str:
    return f"{datetime.fromtimestamp(process.create_time()):%Y-%m-%d %H:%M:%S}"
