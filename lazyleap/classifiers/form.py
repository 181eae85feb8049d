"""What a user's classifier is given: order of axes, range of pixels, type of numbers.

Pixels here are ``[n, C, H, W]`` in 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lazyleap.classifiers.options import Layout, Range

TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
BYTES = 255.0


@dataclass(frozen=True)
class Form:
    """``layout``: ``nchw`` or ``nhwc``, or ``flat``, a row of features an image in either order.

    ``range``: of the pixels that ``mean`` and ``std`` (a number a channel) are of: ``unit``, 0..1,
    or ``bytes``, 0..255.
    """

    layout: Layout
    range: Range
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Form:
        """As a target's options say; without a word pixels in 0..1, channels first."""
        layout: Layout = about.get("layout") or "nchw"
        span: Range = about.get("pixels") or "unit"
        return cls(layout, span, tuple(about["mean"]), tuple(about["std"]))

    def shape(self, image: Mapping[str, int]) -> tuple[int, ...]:
        """Of one image as the classifier sees it."""
        c, h, w = (image[key] for key in ("channels", "height", "width"))
        if self.layout.startswith("flat"):
            return (c * h * w,)
        return (c, h, w) if self.layout == "nchw" else (h, w, c)

    def arrange(self, pixels: NDArray[Any], dtype: Any) -> NDArray[Any]:
        """``(pixels - mean) / std`` in the classifier's order; whole numbers 0..255 for bytes."""
        scale = BYTES if self.range == "bytes" else 1.0
        mean, std = (np.array(part, np.float64).reshape(-1, 1, 1) for part in (self.mean, self.std))
        found = (scale * pixels.astype(np.float64) - mean) / std
        if self.layout in ("nhwc", "flat-hwc"):
            found = found.transpose(0, 2, 3, 1)
        if self.layout.startswith("flat"):
            found = found.reshape(len(found), -1)
        if dtype == np.uint8:
            found = np.rint(found).clip(0, BYTES)
        return np.ascontiguousarray(found, dtype)
