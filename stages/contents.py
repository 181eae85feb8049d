"""The files that say what a stage is given; validate writes them, a stage reads its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from lazyleap import records
from lazyleap.errors import InputError

Content = dict[str, Any]


class _Given(records.Record):
    stage: str
    key: str
    grid: str
    extensions: str
    origin: Annotated[str, Field(alias="from")]
    parameters: dict[str, Any]
    server: str
    files: dict[str, str]


def write_json(path: Path, content: Content) -> None:
    """A file of :func:`written`."""
    path.write_bytes(written(content))


def written(content: Content) -> bytes:
    """Equal content, equal bytes."""
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def read(path: Path, stage: str, key: str) -> Content:
    """What was written for a stage of a key; InputError if it is not that."""
    found = records.read(path, _Given, "run stages.validate first", finite=False)
    if (found["stage"], found["key"]) != (stage, key):
        raise InputError(f"{path}: holds no parameters of {stage} {key}")
    return found
