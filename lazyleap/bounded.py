"""Files from anyone: read whole, within a bound, and every failure one sentence with the path."""

from __future__ import annotations

from pathlib import Path

from lazyleap.errors import InputError

RECORD = 2**26  # bytes of a description: JSON, CSV, a list of splits


def content(path: Path, most: int, what: str = "file") -> bytes:
    """All of a regular file.

    Raises:
        InputError: if there is none, it cannot be read or is larger than ``most`` bytes. A pipe or
            a device, which may never end, is no file.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such {what}")
    try:
        with path.open("rb") as file:
            found = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(found) > most:
        raise InputError(f"{path}: is larger than {most / 2**20:,.0f} MiB")
    return found


def text(path: Path, what: str = "file") -> str:
    """A file of UTF-8; InputError as :func:`content`."""
    try:
        return content(path, RECORD, what).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 ({error.reason} at {error.start})") from error
