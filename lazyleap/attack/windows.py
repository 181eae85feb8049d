"""Squares anywhere in an image, an image its own."""

from __future__ import annotations

import torch
from torch import Tensor


def window(first: Tensor, side: int, height: int, width: int) -> Tensor:
    """The pixels of a square with the upper left pixel ``first``, bool ``[n, 1, H, W]``."""
    down, right = _within(first, height, width)
    inside = (down >= 0) & (down < side) & (right >= 0) & (right < side)
    return inside[:, None]


def corner(draws: Tensor, side: int, height: int, width: int) -> Tensor:
    """The upper left pixel of a square that fits, int64 ``[n, 2]``, of draws in [0, 1)."""
    room = draws.new_tensor((height - side + 1, width - side + 1))
    return (draws * room).long()


def placed(pattern: Tensor, first: Tensor, height: int, width: int) -> Tensor:
    """Patterns ``[n, s, s]`` laid on images at ``first``, 0 elsewhere, ``[n, 1, H, W]``."""
    side = pattern.shape[1]
    down, right = (place.clamp(0, side - 1) for place in _within(first, height, width))
    each = torch.arange(len(pattern), device=pattern.device)[:, None, None]
    return pattern[each, down, right][:, None] * window(first, side, height, width)


def signs(draws: Tensor) -> Tensor:
    """-1 or 1 of draws in [0, 1)."""
    return torch.where(draws < 0.5, -1.0, 1.0)


def _within(first: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    down = torch.arange(height, device=first.device) - first[:, :1]
    right = torch.arange(width, device=first.device) - first[:, 1:]
    return down[:, :, None], right[:, None, :]
