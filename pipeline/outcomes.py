"""What may come of a stage, and how DVC says so."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Sequence
from enum import StrEnum

OUT_OF_TIME = 75  # a stage's exit code for "run me again and I go on"

_HEADER = re.compile(r"(?:Running stage|Stage) '(.+?)'(:$| didn't change| is cached)")
_DVC_ERROR = re.compile(r"ERROR: failed to reproduce '(.+?)': (.*)")
_EXIT = re.compile(r"exited with (-?\d+)")
_BLOCKER = re.compile(r"\(PID (\d+)\): (.*)")  # in the lines below "is being blocked by"
_LOCKED = re.compile(r"Unable to acquire lock|is busy, it is being blocked")
# A shell between DVC and the stage turns death by signal N into 128 + N.
_SIGNALLED = {128 + signal.SIGKILL, 128 + signal.SIGTERM, 128 + signal.SIGBUS}


class Outcome(StrEnum):
    """How a stage came up to date."""

    RAN = "ran"
    RESTORED = "restored"  # DVC had the result of these very inputs in its cache
    UNCHANGED = "unchanged"


def overall(outcomes: Iterable[Outcome]) -> Outcome:
    """Ran if any ran, else restored if any was, else unchanged."""
    found = set(outcomes)
    return next((outcome for outcome in Outcome if outcome in found), Outcome.UNCHANGED)


class StageError(RuntimeError):
    """A stage failed: its name, its own sentence and its last lines."""

    def __init__(self, stage: str, sentence: str, tail: str = "") -> None:
        super().__init__(stage, sentence, tail)
        self.stage, self.sentence, self.tail = stage, sentence, tail

    @property
    def foreseen(self) -> bool:
        """Whether the sentence is the stage's own, so that it says all there is to say."""
        return f"error: {self.sentence}" in self.tail

    def __str__(self) -> str:
        """The sentence, then the last lines."""
        return f"{self.stage}: {self.sentence}" + (f"\n{self.tail}" if self.tail else "")


class TransientError(StageError):
    """Killed by a signal or kept out by a lock: trying again may help."""


class BusyError(TransientError):
    """Another DVC is at work on the same files: its process and command."""

    pid: int
    command: str


class StageTimeoutError(StageError):
    """The stage took longer than allowed and was killed."""


class BudgetError(StageError):
    """The time budget ended; what is done is kept and the next run goes on."""


class StoppedError(StageError):
    """The whole run is being stopped."""


class GridError(RuntimeError):
    """Some stages failed; all others are finished."""

    def __init__(self, errors: Sequence[StageError]) -> None:
        super().__init__(errors)
        self.errors = list(dict.fromkeys(errors))

    def __str__(self) -> str:
        """Each stage with its sentence and last lines."""
        return "\n".join(str(error) for error in self.errors)

    @property
    def out_of_time(self) -> bool:
        """Whether nothing failed and the next run just goes on."""
        return all(isinstance(error, BudgetError) for error in self.errors)


def heading(line: str) -> Outcome | None:
    """What DVC starts to do, if this is a line that begins a stage."""
    header = _HEADER.match(line)
    if header is None:
        return None
    words = {" didn't change": Outcome.UNCHANGED, " is cached": Outcome.RESTORED}
    return words.get(header[2], Outcome.RAN)


def blamed(tail: Sequence[str]) -> str | None:
    """The stage that DVC says it could not reproduce."""
    found = _dvc_error(tail)
    return found[1] if found else None


def _dvc_error(tail: Sequence[str]) -> re.Match[str] | None:
    return next((m for line in reversed(tail) if (m := _DVC_ERROR.match(line))), None)


def failure(stage: str, code: int, tail: Sequence[str], stopping: bool = False) -> StageError:
    """The error of a stage, by DVC's exit code and its last lines."""
    text = "\n".join(tail)
    found = _dvc_error(tail)
    exit_code = _EXIT.search(found[2]) if found else None
    child = int(exit_code[1]) if exit_code else code
    kind = StageError
    if stopping:
        kind = StoppedError
    elif child == OUT_OF_TIME:
        kind = BudgetError
    elif child < 0 or code < 0 or child in _SIGNALLED or _LOCKED.search(text):
        kind = TransientError
    otherwise = found[2] if found else f"DVC ended with code {code}"
    blocker = _BLOCKER.search(text)
    if kind is TransientError and blocker and "is being blocked" in text:
        busy = BusyError(stage, otherwise, text)
        busy.pid, busy.command = int(blocker[1]), blocker[2]
        return busy
    return kind(stage, _sentence(tail, otherwise), text)


def _sentence(tail: Sequence[str], otherwise: str) -> str:
    for line in reversed(tail):
        if line.startswith("error: "):
            return line.removeprefix("error: ")
    return otherwise
