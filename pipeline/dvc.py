"""Brings DVC stages up to date, each chain of them in its own process group. No Prefect here.

DVC's two flags matter: without ``--wait-for-lock`` neighbours fail on the repository's lock,
without ``--single-item`` on stages that share an unchanged dependency. A chain of stages is one
call, ``dvc repro --single-item A B C``, in that order, of a process that has DVC loaded.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipeline import leash, turn
from pipeline.jobs import Job
from pipeline.outcomes import (
    BusyError,
    Outcome,
    StageError,
    StageTimeoutError,
    StoppedError,
    blamed,
    failure,
    heading,
)

FLAGS = ("--wait-for-lock",)
AT_WORK = Path(".dvc/tmp/rwlock")
TAIL = 30  # lines of a failed stage that go with its error

_stopping = threading.Event()
_running: set[subprocess.Popen[str]] = set()


class Chain:
    """Stages done one after another by one DVC process, which :meth:`follow` starts when needed.

    Args:
        stages: DVC names in order, for example ``["train@a", "grids/g/dvc.yaml:train@b"]``.
        environment: variables added to this process's own.
        timeout: seconds a stage may take; ``None``: any.
        flags: of ``dvc repro``, such as ``--pull``.
    """

    def __init__(
        self,
        stages: Sequence[str],
        environment: dict[str, str] | None = None,
        timeout: float | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        self.stages, self.timeout, self.flags = list(stages), timeout, tuple(flags)
        self.environment = environment or {}
        self._job: Job | None = None
        self._ahead: str | None = None  # the next stage's first line, already read

    def follow(self, stage: str, emit: Callable[[str], object] = str) -> Outcome:
        """Wait until ``stage`` is up to date, handing each line it writes to ``emit``.

        Stages are followed in order. After a failure the same stage may be followed again. Where
        another DVC is at work on the same files, it waits for that one, and says so.

        Raises:
            StageError: or one of its kinds, with the stage's sentence and last lines.
        """
        while True:
            try:
                return self._follow(stage, emit)
            except BusyError as error:
                turn.wait_for_end(error.pid, error.command, _stopping.is_set, emit)

    def _follow(self, stage: str, emit: Callable[[str], object]) -> Outcome:
        job = self._job or self._start(stage)
        late = threading.Event()

        def overrun() -> None:
            late.set()
            _kill(job.process)

        timer = threading.Timer(self.timeout or 0, overrun)
        timer.daemon = True
        if self.timeout:
            timer.start()
        try:
            return self._read(job, stage, emit)
        except StageError as error:
            if not late.is_set():
                raise
            sentence = f"stopped after {self.timeout:g} s, the time a stage may take"
            raise StageTimeoutError(stage, sentence, error.tail) from error
        finally:
            timer.cancel()

    def close(self) -> None:
        """Kill what still runs, the stage's own processes included."""
        if self._job is not None:
            _kill(self._job.process)
            self._end(self._job)

    def _start(self, stage: str) -> Job:
        if _stopping.is_set():
            raise StoppedError(stage, "not started, since the run was stopped")
        todo = self.stages[self.stages.index(stage) :]
        words = ["repro", "--single-item", *self.flags, *todo]
        self._job = _begun(words, self.environment)
        return self._job

    def _read(self, job: Job, stage: str, emit: Callable[[str], object]) -> Outcome:
        tail: deque[str] = deque(maxlen=TAIL)
        outcome: Outcome | None = None
        for line in self._lines(job):
            begun = heading(line)
            if begun and outcome:
                self._ahead = line
                return outcome
            outcome = begun or outcome
            tail.append(line)
            emit(line)
        code = self._end(job)
        if outcome and (code == 0 or blamed(tail) in self._after(stage)):
            return outcome  # DVC fails of the next one before it names it; it will again
        raise failure(stage, code, tail, _stopping.is_set())

    def _after(self, stage: str) -> list[str]:
        return self.stages[self.stages.index(stage) + 1 :]

    def _lines(self, job: Job) -> Iterator[str]:
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            yield ahead
        yield from job.lines()

    def _end(self, job: Job) -> int:
        self._job = self._ahead = None
        return _ended(job)


def _begun(words: Sequence[str], environment: dict[str, str]) -> Job:
    job = Job([*FLAGS, *words], _environment(environment))
    _running.add(job.process)
    return job


def _ended(job: Job) -> int:
    code = job.end()
    _running.discard(job.process)
    return code


def stale(targets: Sequence[str]) -> set[str] | None:
    """Names of the stages under ``targets`` (stages or dvc.yaml files) that are not up to date.

    One process, about a second. A stage not named here still has to run if one before it does.
    ``None``: DVC could not tell.
    """
    process = leash.start(
        [sys.executable, "-m", "dvc", *FLAGS, "status", "--json", *targets],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env=_environment({}),
    )
    answer, _ = process.communicate()
    try:
        return set(json.loads(answer)) if process.returncode == 0 else None
    except json.JSONDecodeError:
        return None


def call(words: Sequence[str], may_fail: bool = False) -> None:
    """Let DVC do what is no stage, such as ``["push", "--run-cache"]``.

    Raises:
        StageError: with its last line, unless it ``may_fail``.
    """
    job = _begun(words, {})
    lines = list(job.lines())
    code = _ended(job)
    if code and not may_fail:
        named = next((line for line in reversed(lines) if line.startswith("ERROR")), None)
        said = named or (lines[-1] if lines else f"ended with code {code}")
        raise StageError(f"dvc {words[0]}", said.removeprefix("ERROR: "), "\n".join(lines[-TAIL:]))


def stop_all() -> None:
    """Kill every stage that runs and start no more, until :func:`allow`."""
    _stopping.set()
    for process in list(_running):
        _kill(process)


def allow() -> None:
    """Let stages start again, also where DVC was killed while it noted who is at work."""
    _stopping.clear()
    if _cut_off():
        AT_WORK.unlink(missing_ok=True)


def _cut_off() -> bool:
    """Whether DVC's note is half a file, which DVC would refuse for ever."""
    for _ in range(5):  # another DVC may be writing it now
        try:
            json.loads(AT_WORK.read_text())
        except FileNotFoundError:
            return False
        except ValueError:
            time.sleep(0.2)
        else:
            return False
    return True


def _environment(changes: dict[str, str]) -> dict[str, str]:
    # The stages' own "python" must be this one, also when no virtual environment is active.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    own = {"PATH": path, "PYTHONUNBUFFERED": "1", "DVC_NO_ANALYTICS": "1"}
    return {**os.environ, **own, **changes}


def _kill(process: subprocess.Popen[str]) -> None:
    """Interrupt the whole group, so that DVC gives its locks back; SIGKILL after the grace."""
    leash.signal_group(process.pid, signal.SIGINT)
    killer = threading.Timer(leash.GRACE, leash.signal_group, [process.pid, signal.SIGKILL])
    killer.daemon = True
    killer.start()
