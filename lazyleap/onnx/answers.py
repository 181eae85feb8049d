"""Files of networks that answer images alone, and the proof that they answer as PyTorch does."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn

from lazyleap.datasets.store import Prepared
from lazyleap.onnx import ordinary
from lazyleap.onnx.parity import REFERENCE, RUNTIME, Array, Check, compare, session

SINGLE, DOUBLE = 1e-4, 1e-7  # rounding allowed, times the largest answer or 1
BATCHES, FEW = (1, 7, 56), 2  # test images a call in ONNX Runtime; in the slow reference


def export(
    file: str, module: nn.Module, data: Prepared, outputs: Sequence[str]
) -> tuple[onnx.ModelProto, list[Check]]:
    """``module`` as the content of ``file``, with what was checked on test images of ``data``.

    Checked twice: the same graph in float64 by onnx's reference evaluator, where no rounding
    excuses a difference, and in ONNX Runtime in batches of several sizes. ``module`` takes pixels
    in 0..1 and answers as many tensors as ``outputs`` has names.
    """
    model = _to_onnx(module, data, outputs)
    double = deepcopy(module).double()
    checks = [_double(file, double, data, outputs), *_single(file, model, module, data, outputs)]
    return model, checks


def pixels(data: Prepared, start: int, count: int) -> Array:
    """Test images ``[count, C, H, W]`` in 0..1, from the first again after the last."""
    images = data.split("test").images
    rows = np.arange(start, start + count) % len(images)
    return images[rows].astype(np.float32) / np.float32(255)


def _to_onnx(module: nn.Module, data: Prepared, outputs: Sequence[str]) -> onnx.ModelProto:
    shape = [data.info[key] for key in ("channels", "height", "width")]
    return ordinary.export(deepcopy(module), shape, outputs=outputs)


def _double(file: str, exact: nn.Module, data: Prepared, outputs: Sequence[str]) -> Check:
    run = ReferenceEvaluator(_to_onnx(exact, data, outputs))
    images = pixels(data, 0, FEW).astype(np.float64)
    pairs = zip(run.run(None, {"images": images}), _answers(exact, images), strict=True)
    return compare(file, " and ".join(outputs), REFERENCE, pairs, DOUBLE)


def _single(
    file: str, model: onnx.ModelProto, plain: nn.Module, data: Prepared, outputs: Sequence[str]
) -> list[Check]:
    run = session(model)
    starts = np.cumsum((0, *BATCHES))
    feeds = [pixels(data, start, n) for start, n in zip(starts, BATCHES, strict=False)]
    found = [run.run(None, {"images": images}) for images in feeds]
    expected = [_answers(plain, images) for images in feeds]
    return [
        compare(
            file,
            name,
            RUNTIME,
            [(a[i], b[i]) for a, b in zip(found, expected, strict=True)],
            SINGLE,
        )
        for i, name in enumerate(outputs)
    ]


def _answers(plain: nn.Module, images: Array) -> list[Array]:
    with torch.no_grad():
        found = plain(torch.from_numpy(images))
    return [part.numpy() for part in (found if isinstance(found, tuple) else (found,))]
