"""Files of networks that answer images alone, proven on a task's test images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from lazyleap.datasets.store import Prepared
from lazyleap.onnx import proofs
from lazyleap.onnx.parity import Array

BATCHES = (2, 1, 7, 56)  # test images a call


def export(file: str, module: nn.Module, data: Prepared, outputs: Sequence[str]) -> proofs.Proven:
    """``module`` as the content of ``file``, with what was checked, in batches of several sizes.

    ``module`` takes pixels in 0..1 and answers as many tensors as ``outputs`` has names.
    """
    shape = [data.info[key] for key in ("channels", "height", "width")]
    starts = np.cumsum((0, *BATCHES))
    images = [pixels(data, start, n) for start, n in zip(starts, BATCHES, strict=False)]
    return proofs.network(file, module, shape, images, outputs)


def pixels(data: Prepared, start: int, count: int) -> Array:
    """Test images ``[count, C, H, W]`` in 0..1, from the first again after the last."""
    images = data.split("test").images
    rows = np.arange(start, start + count) % len(images)
    return images[rows].astype(np.float32) / np.float32(255)
