"""Normalisation in meta-learned networks: no running statistics, so nothing leaks between tasks."""

from __future__ import annotations

from typing import Literal

from torch import nn

Norm = Literal["batch", "group"]


def normalisation(kind: Norm, width: int) -> nn.Module:
    """Batch or group normalisation of ``width`` channels.

    ``batch``: the statistics of the batch at hand, also at test time (transductive: the queries of
    one call depend on each other). ``group``: each image by itself.
    """
    if kind == "batch":
        return nn.BatchNorm2d(width, track_running_stats=False)
    return nn.GroupNorm(8 if width % 8 == 0 else 1, width)
