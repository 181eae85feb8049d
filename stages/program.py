"""What every stage program shares: its command line and how it ends."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Annotated

import typer

from lazyleap.errors import DivergedError, InputError, OutOfTimeError

BAD_INPUT, DIVERGED, OUT_OF_TIME = 2, 3, 75  # 75: EX_TEMPFAIL, "try again and it goes on"

Params = Annotated[str, typer.Option(help="the grid's params.yaml")]
Traceback = Annotated[bool, typer.Option("--traceback", help="show where an error was raised")]


def run(command: Callable[..., None]) -> None:
    """Run ``command`` as a typer program; a foreseen error is one sentence and an exit code."""
    try:
        typer.run(command)
    except (InputError, DivergedError, OutOfTimeError) as error:
        if "--traceback" in sys.argv:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        sys.exit(_code(error))


def _code(error: Exception) -> int:
    if isinstance(error, OutOfTimeError):
        return OUT_OF_TIME
    return DIVERGED if isinstance(error, DivergedError) else BAD_INPUT
