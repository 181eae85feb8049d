"""N-way K-shot episodes: drawn, stored with a digest, and turned into inner problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lazyleap.bilevel import Batch, Task
from lazyleap.datasets import indices as stored
from lazyleap.datasets.indices import Indices
from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError
from lazyleap.fewshot.minibatches import inner


@dataclass(frozen=True)
class Episodes:
    """Image indices ``support [E, way, shot]`` and ``query [E, way, queries]``.

    In each episode the label of a class is its row, 0..way-1.
    """

    support: Indices
    query: Indices

    def __len__(self) -> int:
        return len(self.support)

    def head(self, count: int) -> Episodes:
        """The first ``count`` episodes."""
        return Episodes(self.support[:count], self.query[:count])

    def tail(self, count: int) -> Episodes:
        """All but the first ``count`` episodes."""
        return Episodes(self.support[count:], self.query[count:])

    @property
    def digest(self) -> str:
        """sha256 of shapes and indices: two results with one digest saw the same episodes."""
        return stored.digest(self.support, self.query)

    def save(self, path: Path) -> None:
        """Write an .npz file, equal bytes for equal episodes."""
        np.savez(path, support=self.support, query=self.query)

    @staticmethod
    def load(path: Path, images: int | None = None) -> Episodes:
        """Read what :meth:`save` wrote; InputError if it is missing, broken, or of more images."""
        parts = {"support": 3, "query": 3}
        below = dict.fromkeys(parts, images)
        found = Episodes(*stored.read(path, parts, "are not stored episodes", below))
        if found.support.shape[:2] != found.query.shape[:2]:
            raise InputError(f"{path}: are not stored episodes (support and query differ)")
        return found


class Sampler:
    """Draws episodes from a labelled image set.

    ``grouped``: the classes of an episode are of one group, as the characters of an alphabet are:
    of classes that are named ``GROUP/CLASS``. A group of fewer classes than ``way`` is left out.

    Raises:
        InputError: if there are fewer classes than ``way``, in a group where they are of one, or a
            class has too few images.
    """

    def __init__(
        self, images: ImageSet, way: int, shot: int, query: int, grouped: bool = False
    ) -> None:
        order = np.argsort(images.labels, kind="stable")
        counts = np.bincount(images.labels, minlength=len(images.classes))
        if len(counts) < way:
            raise InputError(
                f"way {way}: the data set has only {len(counts)} classes in this split"
            )
        if (fewest := int(counts.argmin())) is not None and counts[fewest] < shot + query:
            raise InputError(
                f"class '{images.classes[fewest]}' has {counts[fewest]} images: an episode needs "
                f"shot {shot} + query {query} = {shot + query}"
            )
        self._members = np.split(order, np.cumsum(counts)[:-1])
        self.way, self.shot, self.query = way, shot, query
        every = [np.arange(len(counts))]
        self._groups = _large(groups(images.classes), way) if grouped else every

    def draw(self, count: int, chance: np.random.Generator) -> Episodes:
        """``count`` episodes: a group, classes, then images, none twice within an episode."""
        size = self.shot + self.query
        rows = np.stack([self._one(size, chance) for _ in range(count)])
        return Episodes(rows[:, :, : self.shot], rows[:, :, self.shot :])

    def _one(self, size: int, chance: np.random.Generator) -> Indices:
        several = len(self._groups) > 1
        group = self._groups[int(chance.integers(len(self._groups))) if several else 0]
        classes = chance.choice(group, self.way, replace=False)
        return np.stack([chance.choice(self._members[c], size, replace=False) for c in classes])


def groups(classes: Sequence[str]) -> Indices:
    """The group of each class, ``[C]``, numbered in the order of their names.

    Raises:
        InputError: if a class says none, or all are of one.
    """
    for name in classes:
        if "/" not in name:
            raise InputError(
                f"grouped: class '{name}' has no group: the data set's classes would have to be "
                "named GROUP/CLASS, as Omniglot's are"
            )
    return np.unique([name.partition("/")[0] for name in classes], return_inverse=True)[1]


def _large(group: Indices, way: int) -> list[Indices]:
    """The classes of each group that has enough."""
    sizes = np.bincount(group)
    if sizes.max() < way:
        raise InputError(f"way {way}: the largest group of this split has {sizes.max()} classes")
    return [np.flatnonzero(group == one) for one in np.flatnonzero(sizes >= way)]


def batch(pixels: Pixels, indices: Indices) -> Batch:
    """Images ``[way * n, C, H, W]`` of one episode's ``[way, n]`` indices, and their labels."""
    way, n = indices.shape
    images = pixels[indices].flatten(0, 1)
    return Batch(images, torch.arange(way, device=images.device).repeat_interleave(n))


def as_tasks(
    pixels: Pixels, episodes: Episodes, horizon: int, size: int | None = None
) -> list[Task]:
    """One inner problem an episode, of ``horizon`` steps.

    Each sees the support set, or ``size`` images of it (:mod:`lazyleap.fewshot.minibatches`).
    """
    return [
        Task(inner(batch(pixels, support), support, horizon, size), batch(pixels, query))
        for support, query in zip(episodes.support, episodes.query, strict=True)
    ]
