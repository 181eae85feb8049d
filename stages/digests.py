"""Digests of files and folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lazyleap.errors import InputError


def digest(path: Path) -> str:
    """sha256 of a file, or of all files below a folder and their names; InputError if missing."""
    total = hashlib.sha256()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    try:
        for file in files:
            if file.is_file():
                total.update(file.relative_to(path).as_posix().encode() + b"\0" + file.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    return total.hexdigest()[:16]
