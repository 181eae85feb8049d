"""Images chosen once for all settings of an attack's task, with a class to be taken for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lazyleap.attack.goals import Goal
from lazyleap.datasets import indices as stored
from lazyleap.datasets.indices import Indices
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError


@dataclass(frozen=True)
class Chosen:
    """``rows`` ``[n]`` of a split, in an order, and a wrong class for each, ``wished`` ``[n]``."""

    rows: Indices
    wished: Indices

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, which: Indices) -> Chosen:
        """Some of them, by their places."""
        return Chosen(self.rows[which], self.wished[which])

    @property
    def digest(self) -> str:
        """sha256 of both: two results with one digest are of the same images."""
        total = hashlib.sha256(str(len(self.rows)).encode())
        for part in (self.rows, self.wished):
            total.update(np.ascontiguousarray(part).astype("<i8").data)
        return total.hexdigest()

    def save(self, path: Path) -> None:
        """Write an .npz file, equal bytes for equal content."""
        np.savez(path, rows=self.rows, wished=self.wished)

    @staticmethod
    def load(path: Path, images: ImageSet) -> Chosen:
        """Read what :meth:`save` wrote; InputError if it is missing, broken or of other images."""
        parts = {"rows": 1, "wished": 1}
        below = {"rows": len(images.labels), "wished": len(images.classes)}
        found = Chosen(*stored.read(path, parts, "are not chosen images", below))
        if len(found.rows) != len(found.wished):
            raise InputError(f"{path}: are not chosen images (rows and wished differ)")
        return found


def choose(images: ImageSet, count: int, chance: np.random.Generator) -> Chosen:
    """``count`` images without replacement, each with a class other than its own.

    Raises:
        InputError: if there are fewer images, or but one class.
    """
    if count > len(images.labels):
        raise InputError(f"{count} images of {len(images.labels)}")
    rows = chance.choice(len(images.labels), count, replace=False)
    return Chosen(rows, others(images.labels[rows], len(images.classes), chance))


def others(labels: Indices, classes: int, chance: np.random.Generator) -> Indices:
    """For each label another one of 0..classes-1, all as likely.

    Raises:
        InputError: if there is but one class.
    """
    if classes < 2:
        raise InputError(f"{classes} class: an attack needs at least 2")
    return (labels + chance.integers(1, classes, len(labels))) % classes


def goal(chosen: Chosen, labels: Indices, kind: str, device: torch.device) -> Goal:
    """Away from the true classes (``labels``: of the split), or ``targeted``: to the wished."""
    wanted = chosen.wished if kind == "targeted" else np.asarray(labels[chosen.rows])
    return Goal(torch.from_numpy(wanted).to(device), targeted=kind == "targeted")
