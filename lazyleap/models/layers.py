"""torch's layers as a meta-learner asks for them.

A step of the teacher's is differentiated twice: there convolution and batch normalisation have a
closed form. And many tasks may be taken at once: parameters with a leading task dimension ``[t]``
act on maps ``[n, t c, h, w]``, the tasks' channels side by side, each task's on its own.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, baddbmm, nn
from torch.nn import functional

from lazyleap.bilevel import twice
from lazyleap.models.closed_form import batch_norm, convolution


class Conv2d(nn.Conv2d):
    """``nn.Conv2d``, ungrouped and undilated, padded with zeros."""

    def forward(self, input: Tensor) -> Tensor:
        """``[n, c, h, w]`` to ``[n, o, h', w']``."""
        w, b, sizes = self.weight, self.bias, (_pair(self.stride), _pair(self.padding))
        if tasks := w.dim() - 4:
            tasks, w, b = len(w), w.flatten(0, 1), _all(b)
        if tasks or not twice():
            return functional.conv2d(input, w, b, *sizes, groups=tasks or 1)
        maps = convolution(input, w, *sizes)
        return maps if b is None else maps + b.view(-1, 1, 1)


class BatchNorm2d(nn.BatchNorm2d):
    """``nn.BatchNorm2d``; the closed form is that of batch statistics alone."""

    def forward(self, input: Tensor) -> Tensor:
        """``[n, c, h, w]`` to the same."""
        if self.track_running_stats:
            return super().forward(input)
        g, b = _all(self.weight), _all(self.bias)
        if twice():
            return batch_norm(input, g, b, self.eps)
        return functional.batch_norm(input, None, None, g, b, True, 0.0, self.eps)


class GroupNorm(nn.GroupNorm):
    """``nn.GroupNorm``."""

    def forward(self, input: Tensor) -> Tensor:
        """``[n, c, h, w]`` to the same."""
        tasks = self.weight.numel() // self.num_channels
        g, b = _all(self.weight), _all(self.bias)
        return functional.group_norm(input, self.num_groups * tasks, g, b, self.eps)


class Linear(nn.Linear):
    """``nn.Linear``."""

    def forward(self, input: Tensor) -> Tensor:
        """``[n, d]`` to ``[n, o]``."""
        w, b = self.weight, self.bias
        if w.dim() == 2:
            return super().forward(input)
        each = input.view(len(input), len(w), -1).transpose(0, 1)
        return baddbmm(b[:, None], each, w.transpose(1, 2)).transpose(0, 1).flatten(1)


def _all(vector: Any) -> Any:
    """All tasks' numbers side by side; those of one network as they are, for the exporter."""
    return vector if vector is None or vector.dim() == 1 else vector.reshape(-1)


def _pair(sizes: Any) -> tuple[int, int]:
    height, width = sizes
    return height, width
