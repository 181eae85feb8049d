"""Work in progress: a git-ignored folder a run, locked, named by all its result depends on."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lazyleap.errors import InputError
from lazyleap.files import storing


def fingerprint(inputs: str, data: Path) -> str:
    """Digest of a stage's ``inputs`` (parameters and code, a digest) and data: of this very run.

    ``data`` is a task's ``train`` folder: the images' description holds the digest of its arrays,
    and what was drawn for it lies beside them; surrogates are small.
    """
    total = hashlib.sha256(inputs.encode())
    for path in sorted(p for end in ("json", "npz", "safetensors") for p in data.rglob(f"*.{end}")):
        total.update(path.as_posix().encode() + path.read_bytes())
    return total.hexdigest()[:16]


@contextmanager
def claimed(folder: Path, wanted: bool = True) -> Iterator[Path]:
    """Hold the folder for this process alone; not ``wanted``, name it only.

    Raises:
        InputError: if another process is at work in it.
        DiskError: if it cannot be made.
    """
    if not wanted:
        yield folder
        return
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{folder}: another process is at work on this run") from error
        yield folder


def end_with_parent() -> None:
    """Stop when the DVC that started this stage is gone, so that no orphan trains on."""
    if "DVC_STAGE" in os.environ:
        end_with_starter()


def end_with_starter() -> None:
    """End this process as soon as the one that started it is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)  # the last checkpoint stands

    threading.Thread(target=watch, daemon=True).start()
