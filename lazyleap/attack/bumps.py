"""Square Attack's moves for an l2 limit: bumps, paid for by what another square gives back.

Source: Andriushchenko, Croce, Flammarion and Hein, ECCV 2020, algorithm 3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lazyleap.attack.attempt import Attempt, Streams
from lazyleap.attack.limits import lengths
from lazyleap.attack.windows import corner, placed, signs, window

GRID = 5  # bumps across an image at the start
NARROWEST = 3
TINY = 1e-10


def start(attempt: Attempt, streams: Streams) -> Tensor:
    """A grid of bumps about 5 by 5, each channel's signs its own, ``[n, C, H, W]``."""
    channels, height, width = attempt.clean.shape[1:]
    side = max(height // GRID, 1)
    down, right = height // side, width // side
    draws = streams.uniform(attempt.rows, channels + 1, down, right)
    shape = oriented(bump(side, attempt.clean), draws[:, -1])  # [n, down, right, s, s]
    grid = signs(draws[:, :-1]).to(shape)[..., None, None] * shape[:, None]
    region = grid.transpose(3, 4).reshape(-1, channels, down * side, right * side)
    found = attempt.clean.new_zeros(len(region), channels, height, width)
    top, left = (height - down * side) // 2, (width - right * side) // 2
    found[:, :, top : top + down * side, left : left + right * side] = region
    return attempt.limit.epsilon * attempt.limit.direction(found)


def change(attempt: Attempt, draws: Tensor, side: int) -> Tensor:
    """A bump in one square with the length that a second square gives up, ``[n, C, H, W]``.

    ``draws`` ``[n, 6 + C]`` in [0, 1).
    """
    delta = attempt.perturbation
    channels, height, width = delta.shape[1:]
    side = odd(side, min(height, width))
    first, second = (corner(draws[:, i : i + 2], side, height, width) for i in (0, 2))
    gains, gives = (window(place, side, height, width) for place in (first, second))
    new = placed(oriented(bump(side, delta), draws[:, 4]), first, height, width)
    new = new * signs(draws[:, 6:]).to(delta)[:, :, None, None]
    new = new + delta * gains / (TINY + _channels(delta * gains))
    free = (attempt.limit.epsilon**2 - lengths(delta).square()).clamp_min(0) / channels
    length = (free + _channels(delta * (gains | gives)).square()).sqrt()
    new = new / _channels(new).clamp_min(TINY) * length
    delta = torch.where(gains, new, torch.where(gives, 0, delta))
    return attempt.limit.epsilon * attempt.limit.direction(delta)


def odd(side: int, largest: int) -> int:
    """The next odd side of at least 3, or the largest odd one that the image has room for."""
    return min(max(side + 1 - side % 2, NARROWEST), largest - 1 + largest % 2)


def bump(side: int, like: Tensor) -> Tensor:
    """A peak and beside it its negative, ``[s, s]``, of length 1."""
    both = torch.cat([_peak(side // 2, side), -_peak(side - side // 2, side)])
    return _unit(both).to(like)


def oriented(pattern: Tensor, draws: Tensor) -> Tensor:
    """The pattern ``[s, s]``, or on its side where the draw is below a half, ``[..., s, s]``."""
    return torch.where(draws[..., None, None] < 0.5, pattern.T, pattern)


def _peak(height: int, width: int) -> Tensor:
    """Rings about the centre: ``sum_(r <= i <= max(h, w) // 2) 1 / (i + 1)^2`` on ring r."""
    down = (torch.arange(height) - height // 2).abs()
    right = (torch.arange(width) - width // 2).abs()
    rings = torch.maximum(down[:, None], right)
    powers = (torch.arange(max(height, width) // 2 + 1, dtype=torch.float64) + 1) ** -2
    peak = powers.flip(0).cumsum(0).flip(0)[rings]
    return _unit(peak)


def _unit(pattern: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(pattern)
    return pattern / length.clamp_min(TINY)


def _channels(images: Tensor) -> Tensor:
    """Euclidean length of each channel, ``[n, C, 1, 1]``."""
    length: Tensor = torch.linalg.vector_norm(images, dim=(2, 3), keepdim=True)
    return length
