"""Writing that a kill cannot leave half done, nor a full disk."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lazyleap.errors import DiskError, short

# Of a disk, whatever is written to it; numpy's OSErrors have no number at all.
REFUSALS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.EROFS, errno.EACCES, errno.EPERM),
)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of ``folder`` when the block ends well.

    On any error the old folder stays as it was. What a kill left beside it earlier is removed.

    Raises:
        DiskError: if the disk refuses, in the block, too.
    """
    with storing(folder), beside(folder) as scratch:
        fresh, old = scratch / "fresh", scratch / "old"
        fresh.mkdir()  # not the scratch itself: that one is closed to other users
        yield fresh
        if folder.exists():
            folder.replace(old)
        try:
            fresh.replace(folder)
        except OSError:
            if old.exists():
                old.replace(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def beside(folder: Path) -> Iterator[Path]:
    """A hidden folder on the disk of ``folder``, for what it is made of; gone after the block.

    What a kill left of one is removed by the next.

    Raises:
        DiskError: if it cannot be made.
    """
    with storing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        scratch = tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-")
    with scratch as name, _held(Path(name)):
        yield Path(name)


@contextmanager
def storing(path: Path, remove: Path | None = None) -> Iterator[None]:
    """Where ``path`` is written: the disk's refusal is one sentence with it.

    ``remove``: a half-written file, which must not take the room that is left.

    Raises:
        DiskError: for no room, no leave or a disk that fails in the block.
    """
    try:
        yield
    except OSError as error:
        if remove is not None:
            with suppress(OSError):
                remove.unlink(missing_ok=True)
        if error.errno not in (None, *REFUSALS):
            raise
        raise DiskError(refusal(path, error)) from error


def refusal(path: object, error: OSError) -> str:
    """The sentence of a DiskError."""
    reason = error.strerror or short(error)
    return f"{path}: cannot be written ({reason}); what was stored before is kept"


def refuses(folder: Path) -> str:
    """Why the folder's disk takes nothing more; empty if it does."""
    probe = folder / ".probe"
    try:
        probe.write_bytes(bytes(2**16))
    except OSError as error:
        return error.strerror or short(error)
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return ""


def mask() -> int:
    """The process's umask. It can only be read by setting it."""
    found = os.umask(0o022)
    os.umask(found)
    return found


def write_folder(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Replace ``folder`` by one that holds just ``files``, or leave it as it was."""
    with replacing(folder) as fresh:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (fresh / name).write_bytes(data)


def _sweep(folder: Path) -> None:
    """Remove the folders that killed writers of ``folder`` left; those at work hold theirs."""
    form = re.compile(rf"\.{re.escape(folder.name)}-[a-z0-9_]{{8}}")
    for path in folder.parent.iterdir():
        if form.fullmatch(path.name) and path.is_dir():
            with suppress(OSError), _held(path):
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """A lock on the folder that its holder's death frees; OSError if another has it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
