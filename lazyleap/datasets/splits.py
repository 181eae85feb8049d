"""Read published split lists: which classes (or files) are train, val and test."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from lazyleap import bounded
from lazyleap.errors import InputError, short

SPLITS = ("train", "val", "test")


def lines(folder: str, split: str) -> list[str]:
    """Read the entries of ``folder/split.txt``, one a line.

    Raises InputError if missing or empty.
    """
    path = Path(folder) / f"{split}.txt"
    found = _text(path).split()
    if not found:
        raise InputError(f"split list {path} is empty")
    return found


def names(folder: str, split: str) -> list[str]:
    """Read ``folder/split.txt``, a name a line, which may hold spaces; InputError as of lines."""
    path = Path(folder) / f"{split}.txt"
    found = [line.strip() for line in _text(path).splitlines() if line.strip()]
    if not found:
        raise InputError(f"split list {path} is empty")
    return found


def entries(folder: str, split: str) -> list[Any]:
    """Read the list in ``folder/split.json``; raises InputError if missing or no list."""
    path = Path(folder) / f"{split}.json"
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"split list {path} is not JSON: {short(error)}") from error
    if not isinstance(found, list) or not found:
        raise InputError(f"split list {path} must be a list with at least one entry")
    return found


def table(folder: str, split: str) -> list[list[str]]:
    """Read the rows of ``folder/split.csv`` (or ``.csv.gz``).

    Raises InputError if missing or empty.
    """
    plain = Path(folder) / f"{split}.csv"
    path = plain if plain.is_file() else plain.with_suffix(".csv.gz")
    try:
        found = [row for row in csv.reader(_text(path).splitlines()) if row]
    except csv.Error as error:
        raise InputError(f"split list {path} is no table: {short(error)}") from error
    if not found:
        raise InputError(f"split list {path} is empty")
    return found


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"split list {path} does not exist")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            raw = file.read(bounded.RECORD + 1)
        if len(raw) > bounded.RECORD:
            raise ValueError(f"it is larger than {bounded.RECORD // 2**20} MiB")
        return raw.decode()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"split list {path} cannot be read: {short(error)}") from error
