"""Classifiers on disk: ``classifier.json`` beside ``model.safetensors`` or ``model.onnx``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from lazyleap import records, tensorfile
from lazyleap.classifiers.scores import Outputs
from lazyleap.models.normalised import Normalised
from lazyleap.models.small import small
from lazyleap.sentences import prefixed

HINT = "train the classifier first"
ABOUT, WEIGHTS, ONNX = "classifier.json", "model.safetensors", "model.onnx"


class _Answers(records.Record):
    """What classifier.json of a target says of its answers."""

    kind: Literal["trained", "onnx"]
    outputs: Outputs


class _Images(records.Record):
    """What every classifier.json says."""

    classes: Annotated[int, Field(ge=2, le=10**6)]
    image: records.Image
    mean: records.Numbers
    std: records.Numbers


class _Trained(_Images):
    architecture: str
    width: Annotated[int, Field(ge=1, le=10**6)]


class _Onnx(_Images):
    input: str


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
    (folder / WEIGHTS).write_bytes(tensorfile.dump(model.state_dict()))
    describe(folder, about)


def describe(folder: Path, about: Mapping[str, Any]) -> None:
    """Write classifier.json alone."""
    (folder / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")


def about(folder: Path, model: type[records.Record] = _Images) -> dict[str, Any]:
    """What is known of a stored classifier; InputError if it is not there or lacks something."""
    return records.read(folder / ABOUT, model, HINT, finite=False)


def load_network(folder: Path, device: torch.device) -> nn.Module:
    """A trained classifier in ``eval`` mode, its parameters constants.

    Raises:
        InputError: if a file is missing, broken, of another network or with a number that is not
            finite.
    """
    path, said = folder / WEIGHTS, about(folder, _Trained)
    state = tensorfile.load(path, HINT)
    with prefixed(path), torch.device("meta"):  # takes no memory before the file is known to fit
        model = network(said)
        tensorfile.fit(state, model)
    model.to_empty(device="cpu").load_state_dict(state)
    tensorfile.require_finite(path, state)
    return model.to(device).eval().requires_grad_(False)


def load_scorer(folder: Path, device: torch.device) -> Scorer:
    """A target of either kind."""
    found = about(folder, _Answers)
    if found["kind"] == "onnx":
        about(folder, _Onnx)  # refuses what lacks something
        from lazyleap.classifiers.session import Session  # onnxruntime only where it is needed

        return Scorer(Session(folder / ONNX, found), found)
    return Scorer(load_network(folder, device), found)
