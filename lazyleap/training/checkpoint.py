"""Checkpoints that survive a kill at any moment: written beside, then moved over the old one."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from lazyleap.errors import InputError, short
from lazyleap.files import storing
from lazyleap.training.loop import Progress
from lazyleap.training.ranks import Ranks

HEAD = b"lazyleap checkpoint "  # then the sha256 of what follows, in hex, and a new line
HEX = 64


def save(path: Path, progress: Progress, state: dict[str, Any]) -> None:
    """Write progress and the learner's state; a reader sees the old file or the new one, whole.

    Raises:
        DiskError: if there is no room for it, or no leave; the old one stays. Cost: holds the file
            in memory once.
    """
    packed = io.BytesIO()
    torch.save({"progress": asdict(progress), "state": state}, packed)
    content = packed.getbuffer()
    beside = path.with_suffix(".tmp")
    with storing(path, remove=beside):
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(HEAD + hashlib.sha256(content).hexdigest().encode() + b"\n")
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)


def load(
    path: Path, device: torch.device, ranks: Ranks | None = None
) -> tuple[Progress, dict[str, Any]] | None:
    """What :func:`save` wrote, or None where there is nothing; the first of ``ranks`` looks.

    Raises:
        InputError: if the file is there but is no checkpoint, or a bit of it is not as written.
    """
    ranks = ranks or Ranks()
    try:
        stored = ranks.told(path.read_bytes() if ranks.first and path.exists() else None)
        if stored is None:
            return None
        packed = io.BytesIO(_checked(stored))
        content = torch.load(packed, map_location=device, weights_only=True)
        return Progress(**content["progress"]), content["state"]
    except Exception as error:  # torch raises a dozen kinds for a broken file
        raise InputError(
            f"{path}: is not a checkpoint ({short(error)}); delete it to start over"
        ) from error


def _checked(content: bytes) -> bytes:
    start = len(HEAD) + HEX + 1
    if not content.startswith(HEAD) or len(content) <= start:
        raise ValueError("it does not begin as one" if content else "it is empty")
    if hashlib.sha256(content[start:]).hexdigest().encode() != content[len(HEAD) : start - 1]:
        raise ValueError("it is not what was written: another sha256")
    return content[start:]
