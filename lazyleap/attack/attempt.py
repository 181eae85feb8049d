"""What all searches share: who is still attacked, where each image is, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lazyleap.attack.goals import Goal, margin, succeeded
from lazyleap.attack.limits import Limit
from lazyleap.attack.oracle import Oracle
from lazyleap.errors import InputError


@dataclass(frozen=True)
class Outcome:
    """What an attack on N images came to.

    ``adversarial`` ``[N, C, H, W]``: the image that succeeded, or the last one tried;
    ``success`` bool ``[N]``; ``queries`` int64 ``[N]``: at success, or when given up.
    """

    adversarial: Tensor
    success: Tensor
    queries: Tensor


class Search(Protocol):
    """A way to find an adversarial image through an oracle."""

    def run(
        self,
        oracle: Oracle,
        images: Tensor,
        goal: Goal,
        limit: Limit,
        chance: np.random.Generator,
    ) -> Outcome:
        """Attack ``images`` ``[N, C, H, W]``, pixels in 0..1, all at once.

        The clean image is asked about first, and every iterate, a query each: an image that is
        already what the goal wants is a success of one query, whether that counts is the caller's
        business. An image that succeeded is asked about no more, and one whose budget cannot pay
        the next step is given up. What was asked to estimate a gradient is no candidate. Each
        image draws from a stream of its own, so what happens to one does not depend on the others.

        Raises:
            InputError: images and oracle do not belong together, an option does not suit them,
                or as the oracle raises.
        """
        ...


class Attempt:
    """The images of one attack, and those of them, ``rows``, that are being attacked now.

    Args:
        oracle: what is asked.
        clean: ``[N, C, H, W]``.
        goal: of these N images.
        limit: within which the iterates stay.

    Costs a query an image, for the clean ones.
    """

    def __init__(self, oracle: Oracle, clean: Tensor, goal: Goal, limit: Limit) -> None:
        if not len(clean) == len(goal.labels) == len(oracle.queries):
            raise InputError(
                f"attack: {len(clean)} images, {len(goal.labels)} labels and an oracle for "
                f"{len(oracle.queries)} images"
            )
        self.oracle, self.goal, self.limit = oracle, goal, limit
        self.clean, self.current = clean.detach(), clean.detach().clone()
        self.rows = torch.arange(len(clean), device=clean.device)
        self.margins = self.value(self.rows, self.clean)

    def value(self, rows: Tensor, images: Tensor) -> Tensor:
        """The margin ``[n]`` of ``images``, asked on the accounts of ``rows``: n queries."""
        return margin(self.oracle(rows, images), self.goal.of(rows))

    def pieces(self, size: int) -> Iterator[Tensor]:
        """Attack at most ``size`` images at a time: each piece becomes ``rows`` in turn."""
        for piece in torch.split(torch.arange(len(self.clean), device=self.clean.device), size):
            self.rows = piece[~succeeded(self.margins[piece])]
            yield self.rows

    def goes_on(self, cost: int) -> bool:
        """Give up those that cannot pay ``cost`` queries; whether any are left."""
        self.rows = self.rows[self.oracle.left(self.rows) >= cost]
        return len(self.rows) > 0

    def move(self, perturbation: Tensor) -> None:
        """Take these perturbations ``[n, ...]`` of ``rows``, within the limit; n queries."""
        images = self.limit.apply(self.clean[self.rows], perturbation)
        self._take(self.rows, images, self.value(self.rows, images))

    def offer(self, perturbation: Tensor) -> None:
        """As :meth:`move`, but an image that got no nearer to success stays where it was."""
        images = self.limit.apply(self.clean[self.rows], perturbation)
        margins = self.value(self.rows, images)
        better = margins < self.margins[self.rows]
        self._take(self.rows[better], images[better], margins[better])

    def _take(self, rows: Tensor, images: Tensor, margins: Tensor) -> None:
        self.current[rows], self.margins[rows] = images, margins
        self.rows = self.rows[~succeeded(self.margins[self.rows])]

    @property
    def perturbation(self) -> Tensor:
        """Where the images of ``rows`` are, as seen from the clean ones, ``[n, ...]``."""
        return self.current[self.rows] - self.clean[self.rows]

    def outcome(self) -> Outcome:
        """What came of it so far."""
        return Outcome(self.current, succeeded(self.margins), self.oracle.queries)


class Streams:
    """A generator an image: its numbers do not depend on which other images are attacked."""

    def __init__(self, chance: np.random.Generator, like: Tensor) -> None:
        self._streams, self._like = chance.spawn(len(like)), like

    def normal(self, rows: Tensor, *shape: int) -> Tensor:
        """Standard normal numbers ``[n, *shape]``."""
        draws = [self._streams[i].standard_normal(shape, np.float32) for i in rows.tolist()]
        return self._tensor(draws).to(self._like.dtype)

    def uniform(self, rows: Tensor, *shape: int) -> Tensor:
        """Numbers in [0, 1), float64 ``[n, *shape]``."""
        return self._tensor([self._streams[i].random(shape) for i in rows.tolist()])

    def choose(self, rows: Tensor, total: int, count: int) -> Tensor:
        """``count`` different ones of 0..total-1, int64 ``[n, count]``."""
        return self._tensor(
            [self._streams[i].choice(total, count, replace=False) for i in rows.tolist()]
        )

    def _tensor(self, draws: list[NDArray[Any]]) -> Tensor:
        return torch.from_numpy(np.stack(draws)).to(self._like.device)
