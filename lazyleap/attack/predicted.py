"""Meta-attack: descent along a predicted gradient, corrected now and then by a measured one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lazyleap.algorithms.meta_attack import Distance, cosine_distances, squared_errors
from lazyleap.attack.attempt import Attempt, Outcome
from lazyleap.attack.estimates import central_differences
from lazyleap.attack.goals import Goal
from lazyleap.attack.limits import Limit
from lazyleap.attack.oracle import Oracle
from lazyleap.attack.pairs import unit
from lazyleap.bilevel import gradient
from lazyleap.errors import DivergedError, InputError
from lazyleap.trees import Tree, add, detach

Forward = Callable[[Tree, Tensor], Tensor]
"""Parameters and images ``[n, C, H, W]`` in 0..1 -> maps of the same shape."""


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """Projected gradient descent along the maps of a meta-learned predictor.

    At steps 0, m, 2m, ... the objective's gradient is measured by central differences on the q
    coordinates where the map is largest, divided by its largest absolute value (as the predictor's
    training pairs are), and the image's own copy phi of theta, kept from one such step to the
    next, takes gradient steps on the ``distance`` there. The other steps take phi's map as
    it is. A step costs one query, and 2q more where it measures. Where all measured values are 0
    phi stays as it is and the map serves; a phi that fine-tuning makes diverge is theta again
    (ours), and only if the first one takes every image's is the rate an error.
    Source: Du et al., ICLR 2020.

    Ours: plain gradient steps, as in meta-training, where their program fine-tunes with Adam;
    steps of one length within a limit, where theirs are of one size in each of the q largest
    entries, under a change of variables.

    Args:
        forward: the predictor, a function of its parameters. It is called under ``torch.vmap`` with
            one image a copy: normalisation by batch would be by image.
        theta: the meta-learned parameters; not changed.
        every: m.
        coordinates: q.
        width: h of the central differences, in pixels of 0..1.
        finetune_steps: gradient steps on each measurement.
        finetune_lr: their rate.
        step: length of a step in the limit's norm, in pixels of 0..1.
        keep_measured: take the measured values in place of the map's on their coordinates, at
            the step that measured them, as their program does.
        follow: a step goes along this many of the map's largest entries and leaves the other
            pixels where they are, as their program does with q; None: along all of them.
        distance: what fine-tuning makes small, of maps and measured values ``[n, q]``: that of
            meta-training.
        copies: predictors held at once. Memory: about ``3 copies`` times theta and the
            activations of as many images.
    """

    forward: Forward
    theta: Tree
    every: int
    coordinates: int
    width: float
    finetune_steps: int
    finetune_lr: float
    step: float
    keep_measured: bool
    follow: int | None = None
    copies: int = 64
    distance: Distance = squared_errors

    def run(
        self,
        oracle: Oracle,
        images: Tensor,
        goal: Goal,
        limit: Limit,
        chance: np.random.Generator,
    ) -> Outcome:
        """See :class:`lazyleap.attack.attempt.Search`; nothing is left to chance.

        Raises:
            DivergedError: the first fine-tuning left no copy's map finite.
        """
        total = images[0].numel()
        for name, count in (("coordinates", self.coordinates), ("follow", self.follow or total)):
            if not 1 <= count <= total:
                raise InputError(f"meta-attack: {name} {count} of images with {total}")
        attempt = Attempt(oracle, images, goal, limit)
        with torch.no_grad():
            for _ in attempt.pieces(self.copies):
                self._descend(attempt)
        return attempt.outcome()

    def _descend(self, attempt: Attempt) -> None:
        rows, taken = attempt.rows, 0
        phi: Tree = detach({n: p.expand(len(rows), *p.shape) for n, p in self.theta.items()})
        while attempt.goes_on(1 if taken % self.every else 2 * self.coordinates + 1):
            if len(attempt.rows) < len(rows):
                still = torch.isin(rows, attempt.rows)
                phi, rows = {n: p[still] for n, p in phi.items()}, attempt.rows
            found = self._maps(phi, attempt.current[rows])
            if taken % self.every == 0:
                phi, found = self._measure(attempt, phi, found, taken == 0)
            found = _largest(found, self.follow)
            attempt.move(attempt.perturbation - self.step * attempt.limit.direction(found))
            taken += 1

    def _maps(self, phi: Tree, images: Tensor) -> Tensor:
        """Each image's map by its own predictor, ``[n, C, H, W]``."""
        maps: Tensor = torch.vmap(self.forward)(phi, images[:, None])
        return maps[:, 0]

    def _measure(
        self, attempt: Attempt, phi: Tree, maps: Tensor, first: bool
    ) -> tuple[Tree, Tensor]:
        """Measure where the maps are largest and fine-tune: the new copies and their maps."""
        rows, images = attempt.rows, attempt.current[attempt.rows]
        places = maps.flatten(1).abs().topk(self.coordinates).indices
        measured = central_differences(
            attempt.value, rows, images, places, width=self.width, chunk=attempt.oracle.chunk
        )
        largest = measured.abs().amax(1, keepdim=True)
        targets = measured / torch.where(largest > 0, largest, 1)
        phi = self._finetune(phi, images, places, targets, largest > 0)
        phi, maps = self._restart(phi, images, first)
        if self.keep_measured:
            # one that learned directions alone has any length; measured values have 1 at most
            flat = (unit(maps) if self.distance is cosine_distances else maps).flatten(1)
            values = torch.where(largest > 0, targets, flat.gather(1, places))
            maps = flat.scatter(1, places, values).view_as(images)
        return phi, maps

    def _restart(self, phi: Tree, images: Tensor, first: bool) -> tuple[Tree, Tensor]:
        """The copies and their maps; one whose map is not finite is theta again."""
        maps = self._maps(phi, images)
        lost = ~maps.flatten(1).isfinite().all(1)
        if not bool(lost.any()):
            return phi, maps
        if first and bool(lost.all()):
            raise DivergedError(
                f"meta-attack: fine-tuning the predictor at the rate {self.finetune_lr} diverged"
            )
        again = {
            n: torch.where(lost.view(-1, *[1] * (p.ndim - 1)), self.theta[n], p)
            for n, p in phi.items()
        }
        return again, self._maps(again, images)

    def _finetune(
        self, phi: Tree, images: Tensor, places: Tensor, targets: Tensor, tell: Tensor
    ) -> Tree:
        def loss(copies: Tree) -> Tensor:
            maps = self._maps(copies, images).flatten(1).gather(1, places)
            return (self.distance(maps, targets) * tell[:, 0]).sum()  # each copy has its own loss

        for _ in range(self.finetune_steps):
            phi = add(phi, gradient(loss, phi), -self.finetune_lr)
        return phi


def _largest(maps: Tensor, count: int | None) -> Tensor:
    """The maps ``[n, C, H, W]`` with all but their ``count`` largest entries set to 0."""
    if count is None:
        return maps
    flat = maps.flatten(1)
    places = flat.abs().topk(count).indices
    return torch.zeros_like(flat).scatter(1, places, flat.gather(1, places)).view_as(maps)
