"""What a project's programs leave running."""

from __future__ import annotations

import time
from pathlib import Path

import psutil


def alive_in(folder: Path, patience: float = 0.0) -> list[str]:
    """Commands of the processes at work below ``folder``, once they have had time to end."""
    until = time.monotonic() + patience
    while (found := _in(folder)) and time.monotonic() < until:
        time.sleep(0.3)
    return found


def _in(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder) and process.pid != psutil.Process().pid:
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found
