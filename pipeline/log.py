"""The log file of a run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

LOG_BYTES = 5_000_000  # of a log before it is set aside


def log_to(path: Path) -> TextIO:
    """From now on, what this process and its children write to stderr goes to a file.

    That holds to the very end, since Prefect and its server still speak when they are shut down.
    Returns the stderr there was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".old.log"))
    sys.stderr.flush()
    terminal = os.fdopen(os.dup(2), "w")
    with path.open("a") as log:
        os.dup2(log.fileno(), 2)
    return terminal
