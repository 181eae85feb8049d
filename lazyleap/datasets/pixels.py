"""Images of a data set as a network sees them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lazyleap.datasets.indices import Indices
from lazyleap.datasets.store import ImageSet
from lazyleap.models.layout import channels_last


class Pixels:
    """Images as the network sees them, ``(pixels / 255 - mean) / std``, gathered on a device.

    They are kept as bytes and normalised, in torch's default dtype, when asked for. On a CPU the
    bytes are those of ``images``, not a copy: of a prepared data set, its file's. So it may be
    larger than memory, and processes that train on it share the page cache.
    """

    def __init__(
        self, images: ImageSet, mean: list[float], std: list[float], device: torch.device
    ) -> None:
        self._bytes = torch.from_numpy(np.ascontiguousarray(images.images)).to(device)
        self._mean = torch.tensor(mean, device=device).view(1, -1, 1, 1)
        self._std = torch.tensor(std, device=device).view(1, -1, 1, 1)

    @property
    def black(self) -> Tensor:
        """What the network sees of a black pixel, ``[1, C, 1, 1]``."""
        return -self._mean / self._std

    def __getitem__(self, indices: Indices) -> Tensor:
        """Float images ``[..., C, H, W]`` for indices ``[...]``."""
        flat = self._bytes[torch.from_numpy(indices.reshape(-1)).to(self._bytes.device)]
        images = channels_last((flat.to(self._mean.dtype) / 255 - self._mean) / self._std)
        return images.view(*indices.shape, *images.shape[1:])
