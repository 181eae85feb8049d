"""Whether training is still among the numbers, known on its device and read only when asked for.

Reading a number from a GPU waits for all that was asked of it before. So a step looks at nothing:
it lets :class:`Watch` see its loss and the length of its gradient, and what is learned moves only
while these have been finite. Whoever logs, validates or stores reads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from lazyleap.errors import DivergedError


class Watch:
    """The last numbers seen by tag; once one is not finite, these for ever."""

    def __init__(self) -> None:
        self._tags: tuple[str, ...] = ()
        self._alive = self._seen = self._at = torch.empty(0)

    def see(self, iteration: int, numbers: Mapping[str, Tensor]) -> Tensor:
        """Whether all has been finite so far, a scalar on the device; the same tags each time."""
        now = torch.stack([p.detach() for p in numbers.values()])
        if not self._tags:
            self._alive = torch.ones((), dtype=torch.bool, device=now.device)
            self._seen, self._at = now, torch.zeros((), dtype=torch.int64, device=now.device)
        self._tags = tuple(numbers)
        self._seen = torch.where(self._alive, now, self._seen)
        self._at = torch.where(self._alive, iteration, self._at)
        self._alive = self._alive & now.isfinite().all()
        return self._alive

    def read(self) -> dict[str, float]:
        """The numbers of the last iteration.

        Raises:
            DivergedError: if one was not finite, then or before.
        """
        found = dict(zip(self._tags, self._seen.tolist(), strict=True))
        for tag, value in found.items():
            if not math.isfinite(value):
                raise DivergedError(f"{tag} is {value} at iteration {int(self._at)}")
        return found
