"""Images as inner problems: places and colours; and which images are held out, drawn once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lazyleap.bilevel import Batch, Task
from lazyleap.datasets import indices as stored
from lazyleap.datasets.indices import Indices
from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import Prepared

FILE = "fields.npz"


@dataclass(frozen=True)
class Chosen:
    """Indices ``[n]`` of images of one split."""

    images: Indices

    @property
    def digest(self) -> str:
        """sha256: two results with one digest saw the same images."""
        return stored.digest(self.images)

    def save(self, path: Path) -> None:
        """Write an .npz file, equal bytes for equal content."""
        np.savez(path, images=self.images)

    @staticmethod
    def load(data: Prepared, part: str) -> Chosen:
        """Those of a prepared folder, of one split; InputError if missing, broken or of others."""
        below = {"images": data.info["splits"][part]["images"]}
        return Chosen(
            *stored.read(data.folder / FILE, {"images": 1}, "are not chosen images", below)
        )


def places(height: int, width: int) -> Tensor:
    """``[height * width, 2]``: row and column of each pixel, from -1 to 1."""
    sides = (torch.linspace(-1, 1, n) for n in (height, width))
    return torch.stack(torch.meshgrid(*sides, indexing="ij"), -1).flatten(0, 1)


def colours(data: Prepared, part: str, device: torch.device) -> Pixels:
    """Images of one split, ``[n, C, H, W]``, in -1..1."""
    half = [0.5] * data.info["channels"]
    return Pixels(data.split(part), half, half, device)


def held_out(data: Prepared) -> str:
    """The split that validation images come from: train, where there is no other."""
    return "val" if "val" in data.info["splits"] else "train"


def as_tasks(
    images: Tensor,
    horizon: int,
    share: float = 1.0,
    chance: np.random.Generator | None = None,
    *,
    shuffled: bool = False,
) -> list[Task]:
    """One inner problem an image of ``[T, C, H, W]``; judged by all its pixels.

    With a ``share`` below 1 each inner step sees that share of the pixels, drawn without
    replacement, the same places in all images of a step. ``shuffled``: they are judged in an order
    that is drawn, so that one point of a path that is listened along does not hear the even columns
    of every image, and the other the odd ones. Both draw from ``chance``.
    """
    where = places(*images.shape[2:]).to(images)
    batches = [Batch(where, each) for each in images.flatten(2).transpose(1, 2).contiguous()]
    n = len(where)
    steps, outer = [batches] * horizon, batches
    if share < 1:
        size = max(1, round(share * n))
        steps = [_parts(batches, size, chance) for _ in range(horizon)]
    if shuffled:
        outer = _parts(batches, n, chance)
    return [Task([*inner], judge) for *inner, judge in zip(*steps, outer, strict=True)]


def _parts(batches: list[Batch], size: int, chance: np.random.Generator | None) -> list[Batch]:
    assert chance is not None
    drawn = chance.choice(len(batches[0].targets), size, replace=False)
    rows = torch.from_numpy(drawn).to(batches[0].targets.device)
    return [Batch(batch.inputs[rows], batch.targets[rows]) for batch in batches]


def picture(colours: Tensor, height: int, width: int) -> Tensor:
    """``[..., height * width, C]`` in -1..1 as images ``[..., C, height, width]`` in 0..1.

    What a field says beyond is left as it is.
    """
    return (
        ((colours + 1) / 2)
        .transpose(-1, -2)
        .reshape(*colours.shape[:-2], colours.shape[-1], height, width)
    )
