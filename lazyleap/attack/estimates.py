"""Gradients from values alone: by coordinates, or along random directions.

Both ask at valid pixels only. A pixel too near to 0 or 1 for a step to either side is measured
about the nearest value that has the room: the distance between two points is the same for every
pixel, and so is the estimate's scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lazyleap.errors import InputError

Value = Callable[[Tensor, Tensor], Tensor]
"""Rows ``[p]`` and images ``[p, C, H, W]`` -> the function's values ``[p]``, a query each."""

WIDEST = 3.0  # standard deviations of a random direction's largest entries


def central_differences(
    value: Value,
    rows: Tensor,
    images: Tensor,
    coordinates: Tensor,
    *,
    width: float,
    chunk: int,
) -> Tensor:
    """``(f(x + h e_j) - f(x - h e_j)) / 2h`` for some coordinates j of each image, ``[n, q]``.

    Args:
        value: f.
        rows: whose account an image is on, ``[n]``, handed to ``value``.
        images: x, ``[n, C, H, W]`` in 0..1.
        coordinates: int64 ``[n, q]``, of the flattened image, each image's own.
        width: h, in pixels of 0..1.
        chunk: probes held at once, at least 2q.

    Cost: 2q queries an image. Exact for linear and, away from 0 and 1, for quadratic functions;
    within h of the edge the derivative is the one at distance h from it.
    """
    if not 0 < width <= 0.5:
        raise InputError(f"finite differences: width {width}; valid: above 0, at most 0.5")
    found = [
        _differences(value, rows[part], images[part], coordinates[part], width)
        for part in _parts(len(images), max(1, chunk // (2 * coordinates.shape[1])))
    ]
    return torch.cat(found)


def _differences(value: Value, rows: Tensor, x: Tensor, places: Tensor, h: float) -> Tensor:
    n, q = places.shape
    flat = x.flatten(1)
    centre = flat.gather(1, places).clamp(h, 1 - h)
    sides = torch.stack([centre + h, centre - h], 1).clamp(0, 1)  # [n, 2, q]; rounding of 1 - h
    probes = flat[:, None, None].expand(n, 2, q, -1).clone()
    probes.scatter_(3, places[:, None, :, None].expand(n, 2, q, 1), sides[..., None])
    values = value(rows.repeat_interleave(2 * q), probes.view(-1, *x.shape[1:])).view(n, 2, q)
    return (values[:, 0] - values[:, 1]) / (2 * h)


def random_directions(
    value: Value, rows: Tensor, images: Tensor, directions: Tensor, *, width: float, chunk: int
) -> Tensor:
    """The mean of ``u (f(x + s u) - f(x - s u)) / (2 s E[u_i^2])`` over directions u, like x.

    Args:
        value: f.
        rows: whose account an image is on, ``[n]``, handed to ``value``.
        images: x, ``[n, C, H, W]`` in 0..1.
        directions: standard normal numbers ``[n, d, C, H, W]``. Entries beyond 3 are set to 3 (so
            that a probe stays a valid picture), which E[u_i^2], a little below 1, makes up for.
        width: s, in pixels of 0..1.
        chunk: probes held at once.

    Each direction is asked about both ways (antithetic), so what the function has of even order
    cancels: unbiased for linear and quadratic functions at every pixel at least 3s from 0 and 1
    (else for the image with that pixel moved there). The variance is about ``||grad f||^2 / d``
    a coordinate.
    Cost: 2d queries an image. Source: Ilyas, Engstrom, Athalye and Lin, ICML 2018 (NES).
    """
    reach = WIDEST * width
    if not 0 < reach <= 0.5:
        raise InputError(f"random directions: width {width}; valid: above 0, at most {1 / 6:.3g}")
    n, d = directions.shape[:2]
    total = torch.zeros_like(images)
    centre = images.clamp(reach, 1 - reach)
    for rest in _parts(n, max(1, chunk // (2 * d))):
        for some in _parts(d, max(1, chunk // 2)):
            u = directions[rest, some].clamp(-WIDEST, WIDEST)
            total[rest] += _slopes(value, rows[rest], centre[rest], u, width)
    return total / (d * second_moment(WIDEST))


def _slopes(value: Value, rows: Tensor, x: Tensor, u: Tensor, s: float) -> Tensor:
    """``sum_u u (f(x + s u) - f(x - s u)) / 2s``."""
    n, d = u.shape[:2]
    moved = s * u
    probes = torch.stack([x[:, None] + moved, x[:, None] - moved], 1).clamp_(0, 1)
    values = value(rows.repeat_interleave(2 * d), probes.flatten(0, 2)).view(n, 2, d)
    slopes = (values[:, 0] - values[:, 1]) / (2 * s)
    return torch.einsum("nd,nd...->n...", slopes, u)


def second_moment(widest: float) -> float:
    """``E[u^2]`` of a standard normal number u clipped to +-``widest``."""
    inside = math.erf(widest / math.sqrt(2))
    edge = widest * math.sqrt(2 / math.pi) * math.exp(-(widest**2) / 2)
    return inside - edge + widest**2 * (1 - inside)


def _parts(total: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, total)) for first in range(0, total, size)]
