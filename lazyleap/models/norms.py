"""Normalisation: in inner loops without running statistics, so that nothing leaks out of them."""

from __future__ import annotations

from typing import Literal

from torch import nn

from lazyleap.models.layers import BatchNorm2d, GroupNorm

Norm = Literal["batch", "group"]


def normalisation(kind: Norm, width: int, *, running: bool = False) -> nn.Module:
    """Batch or group normalisation of ``width`` channels.

    ``batch``: the statistics of the batch at hand, also at test time (transductive: the queries of
    one call depend on each other). ``group``: each image by itself. ``running``: batch
    normalisation keeps running statistics and uses them in ``eval`` mode, as a classifier does;
    never for networks of an inner loop.
    """
    if kind == "batch":
        return BatchNorm2d(width, track_running_stats=running)
    return GroupNorm(8 if width % 8 == 0 else 1, width)
