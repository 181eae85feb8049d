"""Classifiers on disk: ``classifier.json`` beside ``model.safetensors`` or ``model.onnx``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lazyleap.classifiers.scores import Outputs
from lazyleap.errors import InputError
from lazyleap.models.normalised import Normalised
from lazyleap.models.small import small
from lazyleap.trees import not_finite

ABOUT, WEIGHTS, ONNX = "classifier.json", "model.safetensors", "model.onnx"


class Scorer:
    """A classifier as an oracle wants it: pixels ``[n, C, H, W]`` in 0..1 to ``outputs``."""

    def __init__(self, scores: Callable[[Tensor], Tensor], about: Mapping[str, Any]) -> None:
        self.scores, self.about = scores, about
        self.outputs: Outputs = about["outputs"]

    def __call__(self, images: Tensor) -> Tensor:
        """Scores ``[n, classes]``."""
        return self.scores(images)


def network(about: Mapping[str, Any]) -> nn.Module:
    """A classifier of pixels in 0..1 as ``about`` says, initialised from torch's global stream."""
    inner = small(about["architecture"], about["width"], about["classes"], about["image"])
    return Normalised(inner, about["mean"], about["std"])


def save(folder: Path, model: nn.Module, about: Mapping[str, Any]) -> None:
    """Write both files into ``folder``: equal bytes for equal content."""
    state = {n: p.detach().cpu().contiguous() for n, p in model.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    describe(folder, about)


def describe(folder: Path, about: Mapping[str, Any]) -> None:
    """Write classifier.json alone."""
    (folder / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")


def about(folder: Path) -> dict[str, Any]:
    """What is known of a stored classifier; InputError if it is not there."""
    path = folder / ABOUT
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); train the classifier first") from error
    return found


def load_network(folder: Path, device: torch.device) -> nn.Module:
    """A trained classifier in ``eval`` mode, its parameters constants.

    Raises:
        InputError: if a file is missing, broken, of another network or with a number that is not
            finite.
    """
    model = network(about(folder))
    try:
        state = load_file(folder / WEIGHTS)
        model.load_state_dict(state)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder / WEIGHTS}: cannot be used ({reason})") from error
    if name := not_finite(state):
        raise InputError(f"{folder / WEIGHTS}: '{name}' holds a number that is not finite")
    return model.to(device).eval().requires_grad_(False)


def load_scorer(folder: Path, device: torch.device) -> Scorer:
    """A target of either kind."""
    found = about(folder)
    if found["kind"] == "onnx":
        from lazyleap.classifiers.session import Session  # onnxruntime only where it is needed

        return Scorer(Session(folder / ONNX, found), found)
    return Scorer(load_network(folder, device), found)
