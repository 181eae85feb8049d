"""The files that say what a stage is given; validate writes them, a stage reads its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lazyleap.errors import InputError

Content = dict[str, Any]


def write_json(path: Path, content: Content) -> None:
    """A file of :func:`written`."""
    path.write_bytes(written(content))


def written(content: Content) -> bytes:
    """Equal content, equal bytes."""
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def read(path: Path, stage: str, key: str) -> Content:
    """What was written for a stage of a key; InputError if it is not that."""
    try:
        found: Content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); run stages.validate first") from error
    if (found.get("stage"), found.get("key")) != (stage, key):
        raise InputError(f"{path}: holds no parameters of {stage} {key}")
    return found
