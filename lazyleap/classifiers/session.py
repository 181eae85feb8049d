"""A user's classifier: an ONNX file, checked when it comes in, asked in batches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lazyleap.errors import InputError, nearest

FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


class Session:
    """An ONNX classifier as a function of pixels ``[n, C, H, W]`` in 0..1, on the CPU.

    Args:
        path: the file.
        about: ``input`` (its name), ``mean`` and ``std`` (a number a channel), ``image``
            (``channels``, ``height``, ``width``) and ``classes``.

    One thread, so that scores do not depend on the machine's cores. A file whose batch is fixed at
    1 is asked image by image.

    Raises:
        InputError: in one sentence, for a missing file, one that is no ONNX, another input name or
            shape, another number of outputs.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        import onnxruntime

        if not path.is_file():
            raise InputError(f"{path}: there is no such file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises a class of its own for each reason
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{path}: is not a usable ONNX model ({reason})") from error
        self._path, self._name, self._classes = path, about["input"], about["classes"]
        image = about["image"]
        self._shape = tuple(image[key] for key in ("channels", "height", "width"))
        self._check_normalisation(about)
        given = self._check_inputs()
        self._one = given.shape[0] == 1
        self._dtype = FLOATS[given.type]
        self._mean, self._std = (
            np.array(about[key], np.float64).reshape(-1, 1, 1) for key in ("mean", "std")
        )

    def __call__(self, images: Tensor) -> Tensor:
        """Scores ``[n, classes]``, float32."""
        pixels = images.detach().cpu().numpy().astype(np.float64)
        inputs = ((pixels - self._mean) / self._std).astype(self._dtype)
        parts = np.split(inputs, len(inputs)) if self._one else [inputs]
        scores = np.concatenate([self._ask(part) for part in parts])
        return torch.from_numpy(scores.astype(np.float32)).to(images.device)

    def _check_normalisation(self, about: Mapping[str, Any]) -> None:
        for key in ("mean", "std"):
            if len(about[key]) != self._shape[0]:
                raise InputError(
                    f"{self._path}: {key} has {len(about[key])} numbers, "
                    f"the images have {self._shape[0]} channels"
                )

    def _check_inputs(self) -> Any:
        inputs = {given.name: given for given in self._session.get_inputs()}
        if self._name not in inputs:
            hint = nearest(self._name, inputs)
            raise InputError(f"{self._path}: has no input '{self._name}'; {hint}")
        if len(inputs) > 1:
            raise InputError(f"{self._path}: has inputs {', '.join(inputs)}; should have one")
        given = inputs[self._name]
        wanted = (None, *self._shape)
        fits = len(given.shape) == 4 and all(
            not isinstance(size, int) or size == want
            for size, want in zip(given.shape[1:], wanted[1:], strict=True)
        )
        if (
            not fits
            or given.shape[0] == 0
            or (isinstance(given.shape[0], int) and given.shape[0] > 1)
        ):
            raise InputError(
                f"{self._path}: input '{self._name}' has shape {_words(given.shape)}, the images "
                f"are {_words(('n', *self._shape))}"
            )
        if given.type not in FLOATS:
            raise InputError(f"{self._path}: input '{self._name}' is {given.type}, not of floats")
        return given

    def _ask(self, inputs: NDArray[Any]) -> NDArray[Any]:
        try:
            scores: NDArray[Any] = self._session.run(None, {self._name: inputs})[0]
        except Exception as error:  # as above
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{self._path}: fails on images of shape {list(inputs.shape)} ({reason})"
            ) from error
        if scores.ndim != 2 or len(scores) != len(inputs):
            raise InputError(
                f"{self._path}: gives scores of shape {list(scores.shape)} for {len(inputs)} "
                "images, not [images, classes]"
            )
        if scores.shape[1] != self._classes:
            raise InputError(
                f"{self._path}: gives {scores.shape[1]} classes where params.yaml says "
                f"{self._classes}"
            )
        return scores


def _words(shape: Any) -> str:
    return f"[{', '.join(str(size) if size is not None else '?' for size in shape)}]"
