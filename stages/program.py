"""What every stage program shares: its command line and how it ends."""

from __future__ import annotations

import functools
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from lazyleap.errors import DiskError, DivergedError, InputError, OutOfTimeError
from lazyleap.files import REFUSALS, refusal

BAD_INPUT, DIVERGED = 2, 3
DISK, OUT_OF_TIME = 74, 75  # EX_IOERR; EX_TEMPFAIL, "try again and it goes on"

Params = Annotated[str, typer.Option(help="the grid's params.yaml")]
Traceback = Annotated[bool, typer.Option("--traceback", help="show where an error was raised")]


def run(command: Callable[..., None]) -> None:
    """Run ``command`` as a typer program; a foreseen error is one sentence and an exit code."""
    threading.excepthook = _in_thread
    try:
        typer.run(storing(command))
    except (InputError, DiskError, DivergedError, OutOfTimeError) as error:
        if "--traceback" in sys.argv:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        sys.exit(_code(error))


def _in_thread(what: threading.ExceptHookArgs) -> None:
    """Say nothing of what TensorBoard's thread raises when the disk refuses: the main one does."""
    if not (isinstance(what.exc_value, OSError) and what.exc_value.errno in REFUSALS):
        threading.__excepthook__(what)


def storing(command: Callable[..., None]) -> Callable[..., None]:
    """The command; a disk's refusal that it met where nothing else does is a DiskError."""

    @functools.wraps(command)
    def stored(*given: Any, **named: Any) -> None:
        try:
            command(*given, **named)
        except OSError as error:
            if error.errno not in REFUSALS:
                raise
            raise DiskError(refusal(error.filename or Path.cwd(), error)) from error

    return stored


def _code(error: Exception) -> int:
    codes = {OutOfTimeError: OUT_OF_TIME, DiskError: DISK, DivergedError: DIVERGED}
    return next((code for kind, code in codes.items() if isinstance(error, kind)), BAD_INPUT)
