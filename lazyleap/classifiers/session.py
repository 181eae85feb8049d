"""A user's classifier: an ONNX file, checked when it comes in, asked in batches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lazyleap import onnxfile
from lazyleap.classifiers.form import TYPES, Form
from lazyleap.errors import InputError, nearest


class Session:
    """An ONNX classifier as a function of pixels ``[n, C, H, W]`` in 0..1, on the CPU.

    Args:
        path: the file.
        about: ``input`` (its name), ``image`` (``channels``, ``height``, ``width``), ``classes``,
            ``mean`` and ``std`` (a number a channel), and, where they are not the usual ones,
            ``layout`` and ``pixels`` (:class:`lazyleap.classifiers.form.Form`) and ``output``, the
            name of the output that has the scores (else the first).

    One thread, so that scores do not depend on the machine's cores. A file whose batch is fixed is
    asked in pieces of that size, the last one filled up.

    Raises:
        InputError: in one sentence, for a missing file, one that is no ONNX, another input name or
            shape, no such output, another number of classes.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self._path, self._name, self._classes = path, about["input"], about["classes"]
        self._session, self._form = onnxfile.opened(path), Form.of(about)
        self._check_normalisation(about)
        given = self._check_input(self._form.shape(about["image"]))
        self._size = given.shape[0] if isinstance(given.shape[0], int) else None
        self._dtype = TYPES[given.type]
        self._output = self._find_output(about.get("output"))

    def __call__(self, images: Tensor) -> Tensor:
        """Scores ``[n, classes]``, float32."""
        inputs = self._form.arrange(images.detach().cpu().numpy(), self._dtype)
        size = self._size or len(inputs)
        parts = [inputs[i : i + size] for i in range(0, len(inputs), size)]
        scores = np.concatenate([self._ask(part, size) for part in parts])
        return torch.from_numpy(scores.astype(np.float32)).to(images.device)

    def _check_normalisation(self, about: Mapping[str, Any]) -> None:
        channels = about["image"]["channels"]
        for key in ("mean", "std"):
            if len(about[key]) != channels:
                raise InputError(
                    f"{self._path}: {key} has {len(about[key])} numbers, "
                    f"the images have {channels} channels"
                )

    def _check_input(self, wanted: tuple[int, ...]) -> Any:
        inputs = {given.name: given for given in self._session.get_inputs()}
        if self._name not in inputs:
            hint = nearest(self._name, inputs)
            raise InputError(f"{self._path}: has no input '{self._name}'; {hint}")
        if len(inputs) > 1:
            raise InputError(f"{self._path}: has inputs {', '.join(inputs)}; should have one")
        given = inputs[self._name]
        fits = len(given.shape) == 1 + len(wanted) and all(
            not isinstance(size, int) or size == want
            for size, want in zip(given.shape[1:], wanted, strict=True)
        )
        if not fits or given.shape[0] == 0:
            raise InputError(
                f"{self._path}: input '{self._name}' has shape {_words(given.shape)}, the images "
                f"are {_words(('n', *wanted))} in layout {self._form.layout}"
            )
        if given.type not in TYPES:
            raise InputError(
                f"{self._path}: input '{self._name}' is {given.type}; valid: {', '.join(TYPES)}"
            )
        return given

    def _find_output(self, asked: str | None) -> str:
        outputs = [given.name for given in self._session.get_outputs()]
        if asked is not None and asked not in outputs:
            hint = nearest(asked, outputs)
            raise InputError(f"{self._path}: has no output '{asked}'; {hint}")
        return asked or outputs[0]

    def _ask(self, inputs: NDArray[Any], size: int) -> NDArray[Any]:
        count = len(inputs)
        filled = inputs[np.minimum(np.arange(size), count - 1)]
        try:
            (answer,) = self._session.run([self._output], {self._name: filled})
        except Exception as error:  # onnxruntime raises a class of its own for each reason
            raise InputError(
                f"{self._path}: fails on images of shape {list(filled.shape)} "
                f"({onnxfile.reason(error)})"
            ) from error
        scores = self._table(answer)
        if scores.ndim != 2 or len(scores) != size:
            raise InputError(
                f"{self._path}: gives scores of shape {list(scores.shape)} for {size} "
                "images, not [images, classes]"
            )
        if scores.shape[1] != self._classes:
            raise InputError(
                f"{self._path}: gives {scores.shape[1]} classes where params.yaml says "
                f"{self._classes}"
            )
        return scores[:count]

    def _table(self, answer: Any) -> NDArray[Any]:
        """Numbers ``[n, classes]``; of a list of {class: score} those in the order of classes."""
        if isinstance(answer, list) and answer and isinstance(answer[0], dict):
            answer = np.array([[row[key] for key in sorted(row)] for row in answer])
        found = np.asarray(answer)
        if found.dtype.kind != "f":
            names = [given.name for given in self._session.get_outputs()]
            raise InputError(
                f"{self._path}: output '{self._output}' holds {found.dtype}, not scores; name the "
                f"one that does (output: one of {', '.join(names)})"
            )
        return found


def _words(shape: Any) -> str:
    return f"[{', '.join(str(size) if size is not None else '?' for size in shape)}]"
