"""Mini-batches of a long-tailed training, each known by its number: any may be looked at early."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lazyleap.bilevel import Batch
from lazyleap.datasets.indices import Indices
from lazyleap.datasets.pixels import Pixels
from lazyleap.errors import InputError
from lazyleap.models.layout import channels_last
from lazyleap.seeding import generator


class Examples:
    """Labelled images of which batches are made: ``rows [N]`` index ``pixels`` and ``labels``.

    ``flip``: mirrored half of the time. ``pad``: pixels of a random shift, the border being what
    the network sees of black. Which ones, is decided by the name of the batch alone.
    """

    def __init__(
        self, pixels: Pixels, labels: NDArray[np.int64], rows: Indices, *, flip: bool, pad: int
    ) -> None:
        self.pixels, self.rows, self.flip, self.pad = pixels, rows, flip, pad
        self.labels = np.array(labels)

    def batch(self, indices: Indices, chance: np.random.Generator | None) -> Batch:
        """Images ``[n, C, H, W]`` and labels ``[n]``; augmented where ``chance`` is given."""
        images = self.pixels[indices]
        if chance is not None:
            images = augmented(images, chance, flip=self.flip, pad=self.pad, fill=self.pixels.black)
        return Batch(images, torch.from_numpy(self.labels[indices]).to(images.device))


class Stream:
    """Mini-batch 0, 1, 2, ... of ``size``; each epoch is a shuffle, its remainder is left out.

    Cost: a batch is made once for those who look at it within the next ``ahead`` numbers.
    Raises InputError if there are fewer examples than ``size``.
    """

    def __init__(self, examples: Examples, size: int, seed: int, ahead: int) -> None:
        if size > len(examples.rows):
            raise InputError(
                f"batch {size}: more than the {len(examples.rows)} training images of the profile"
            )
        self.examples, self.size, self.seed = examples, size, seed
        self.epoch = len(examples.rows) // size
        self._order = lru_cache(2)(self._shuffle)
        self._kept = lru_cache(ahead + 1)(self._make)

    def __getitem__(self, number: int) -> Batch:
        """The mini-batch of a training step, whichever epoch it falls into."""
        return self._kept(number)

    def _shuffle(self, epoch: int) -> Indices:
        return generator(self.seed, "order", epoch).permutation(self.examples.rows)

    def _make(self, number: int) -> Batch:
        epoch, place = divmod(number, self.epoch)
        rows = self._order(epoch)[place * self.size : (place + 1) * self.size]
        return self.examples.batch(rows, generator(self.seed, "augment", number))


class MetaStream:
    """Batches of the meta set: ``size`` of it, drawn afresh for each step, or all it has."""

    def __init__(self, examples: Examples, size: int, seed: int) -> None:
        self.examples, self.size, self.seed = examples, min(size, len(examples.rows)), seed

    def __getitem__(self, number: int) -> Batch:
        """The meta-batch of a training step."""
        chance = generator(self.seed, "meta", number)
        rows = chance.choice(self.examples.rows, self.size, replace=False)
        return self.examples.batch(rows, chance)


def augmented(
    images: Tensor, chance: np.random.Generator, *, flip: bool, pad: int, fill: Tensor
) -> Tensor:
    """Each image ``[n, C, H, W]`` mirrored or not, and cut out of itself with ``pad`` around it.

    ``fill [1, C, 1, 1]`` is the colour around. Source: He et al., CVPR 2016 (flip, pad 4).
    """
    n, _, height, width = images.shape
    mirrored = torch.from_numpy(chance.random(n) < 0.5).to(images.device)
    down, right = (torch.from_numpy(chance.integers(0, 2 * pad + 1, n)) for _ in range(2))
    if flip:
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    if not pad:
        return images
    wide = functional.pad(images - fill, (pad,) * 4) + fill
    rows = (down[:, None] + torch.arange(height)).to(images.device)
    columns = (right[:, None] + torch.arange(width)).to(images.device)
    each = torch.arange(n, device=images.device)[:, None, None]
    cut = wide.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]]
    return channels_last(cut.permute(0, 3, 1, 2))
