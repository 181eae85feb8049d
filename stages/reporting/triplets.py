"""Pictures of attacks that succeeded: clean, perturbation, adversarial, side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lazyleap.errors import InputError
from stages import folders
from stages.reporting.compare import Group

MOST, WIDEST = 3, 640  # triplets of a method and a target, and pixels across them
APART, GAP = 1, 4  # pixels within a triplet and between two
Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Strip:
    """What one method did to some images of a target.

    ``source`` is a PNG as a data URI, to be shown ``width`` x ``height`` pixels large. ``largest``:
    entry of its perturbations, in pixels of 0..1; the strip shows it as black or white.
    """

    group: Group
    count: int
    source: str
    width: int
    height: int
    largest: float


def strips(groups: Sequence[Group], targets: Sequence[str]) -> dict[str, list[Strip]]:
    """By target, a strip of each method's first run that has any success there."""
    found = {t: [s for g in groups if (s := _strip(g, t)) is not None] for t in targets}
    return {target: own for target, own in found.items() if own}


def _strip(group: Group, target: str) -> Strip | None:
    run = group.first
    folder = folders.evaluated(run.setting.grid, run.name) / "pictures"
    path = folder / f"{target}.npy"
    if not path.is_file():
        return None
    triplets = read(path)[:MOST]
    picture = drawn(triplets)
    picture.thumbnail((WIDEST, WIDEST))  # large images; small ones are shown magnified
    scale = max(1, WIDEST // picture.width)
    return Strip(
        group,
        len(triplets),
        _uri(picture),
        scale * picture.width,
        scale * picture.height,
        float(np.abs(triplets[:, 1]).max()),
    )


def read(path: Path) -> Pixels:
    """Triplets ``[n, 3, C, H, W]``, n >= 1.

    Raises:
        InputError: if the file holds anything else.
    """
    try:
        found: Pixels = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: is no array ({error})") from error
    if found.ndim != 5 or 0 in found.shape or found.shape[1] != 3 or found.shape[2] not in (1, 3):
        raise InputError(f"{path}: holds an array of shape {found.shape}, not [n, 3, C, H, W]")
    if not np.isfinite(found).all():
        raise InputError(f"{path}: holds a value that is no finite number")
    return found


def drawn(triplets: Pixels) -> Image.Image:
    """The triplets in a row; perturbations about grey, their largest entry black or white."""
    shown = triplets.clip(0, 1)
    perturbations = triplets[:, 1]
    largest = max(float(np.abs(perturbations).max()), 1e-12)
    shown[:, 1] = 0.5 + perturbations / (2 * largest)
    count, _, _, height, width = shown.shape
    across = 3 * width + 2 * APART
    canvas = np.zeros((height, count * (across + GAP) - GAP, 4), np.uint8)  # transparent
    for i, triplet in enumerate(shown):
        for j, image in enumerate(triplet):
            left = i * (across + GAP) + j * (width + APART)
            cell = (255 * image).round().astype(np.uint8).transpose(1, 2, 0)
            canvas[:, left : left + width, :3] = np.broadcast_to(cell, (height, width, 3))
            canvas[:, left : left + width, 3] = 255
    return Image.fromarray(canvas)


def _uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
