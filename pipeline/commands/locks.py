"""Which processes DVC has noted as being at work on files of this project."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from lazyleap.errors import InputError

NOTED = Path(".dvc/tmp/rwlock")


class Holder(NamedTuple):
    """A process and the command it was started by."""

    pid: int
    command: str


def holders() -> list[Holder]:
    """Those that still live; of dead ones DVC forgets the locks by itself.

    Raises:
        InputError: if the file that notes them is broken.
    """
    if not NOTED.is_file():
        return []
    try:
        content = json.loads(NOTED.read_text() or "{}")
        written = content.get("write", {}).values()
        read = [info for each in content.get("read", {}).values() for info in each]
        found = {Holder(int(info["pid"]), str(info["cmd"])) for info in (*written, *read) if info}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{NOTED}: is broken ({error!r})") from error
    return sorted(holder for holder in found if _lives(holder.pid))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's
    return True
