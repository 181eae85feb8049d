"""Reads what the train stage wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lazyleap import records, tensorfile

HINT = "train the run first"


class _Setting(records.Record):
    """What every setting.json has that is asked of it by name."""

    name: str
    task_name: str
    task: dict[str, Any]
    algorithm_options: dict[str, Any]
    image: records.Image
    dataset_digest: str
    licence: str
    citation: str
    grid: str
    estimator: str
    algorithm: str
    horizon: int
    seed: int


def load_theta(folder: Path, device: torch.device) -> dict[str, Tensor]:
    """The meta-learned parameters.

    Raises:
        InputError: if the file is missing, broken, changed, or holds a number that is not finite.
    """
    path = folder / "theta.safetensors"
    theta = tensorfile.load(path, HINT, device)
    tensorfile.require_finite(path, theta)
    return theta


def load_setting(folder: Path) -> dict[str, Any]:
    """The setting a run was trained with, and what its data set said of itself."""
    return records.read(folder / "setting.json", _Setting, HINT, finite=False)
