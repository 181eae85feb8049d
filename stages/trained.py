"""Reads what the train stage wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lazyleap.errors import InputError
from lazyleap.trees import not_finite


def load_theta(folder: Path, device: torch.device) -> dict[str, Tensor]:
    """The meta-learned parameters.

    Raises:
        InputError: if the file is missing, broken, or holds a number that is not finite.
    """
    path = folder / "theta.safetensors"
    try:
        theta: dict[str, Tensor] = load_file(path, device=str(device))
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({error}); train the run first") from error
    if name := not_finite(theta):
        raise InputError(f"{path}: parameter '{name}' holds a number that is not finite")
    return theta


def load_setting(folder: Path) -> dict[str, Any]:
    """The setting a run was trained with, and what its data set said of itself."""
    path = folder / "setting.json"
    try:
        setting: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); train the run first") from error
    return setting
