"""Checkpoints that survive a kill at any moment: written beside, then moved over the old one."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from lazyleap.errors import InputError
from lazyleap.training.loop import Progress


def save(path: Path, progress: Progress, state: dict[str, Any]) -> None:
    """Write progress and the learner's state; a reader sees the old file or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    with beside.open("wb") as file:
        torch.save({"progress": asdict(progress), "state": state}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load(path: Path, device: torch.device) -> tuple[Progress, dict[str, Any]] | None:
    """What :func:`save` wrote, or None where there is nothing.

    Raises:
        InputError: if the file is there but is no checkpoint.
    """
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        return Progress(**content["progress"]), content["state"]
    except Exception as error:  # torch raises a dozen kinds for a broken file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: is not a checkpoint ({reason}); delete it to start over"
        ) from error
