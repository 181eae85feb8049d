"""Long-tailed classification: which images are kept, and the mini-batches of a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lazyleap.datasets import indices as stored
from lazyleap.datasets.indices import Indices
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError, nearest


@dataclass(frozen=True)
class LongTail:
    """Indices into the original training set: ``train [N]``, imbalanced, and ``meta [M]``.

    Both are sorted; no image is in both. ``counts [C]``: images a class in ``train``. ``validation
    [V]``: of images in neither, or ``meta`` where none are held out.
    """

    train: Indices
    meta: Indices
    counts: Indices
    validation: Indices

    @property
    def digest(self) -> str:
        """sha256 of the choice: two results with one digest learned from the same images."""
        return stored.digest(self.train, self.meta, self.counts)

    def save(self, path: Path) -> None:
        """Write an .npz file, equal bytes for equal choices."""
        np.savez(path, **vars(self))

    @staticmethod
    def load(path: Path, classes: int | None = None, images: int | None = None) -> LongTail:
        """Read what :meth:`save` wrote.

        InputError if it is missing, broken, of more images or of another number of classes.
        """
        parts = dict.fromkeys(("train", "meta", "counts", "validation"), 1)
        below = dict.fromkeys(("train", "meta", "validation"), images)
        found = LongTail(*stored.read(path, parts, "is not a stored long tail", below))
        if classes not in (None, len(found.counts)) or not found.counts.all():
            raise InputError(f"{path}: is not a stored long tail of {classes} classes")
        return found


def profile(n: int, imbalance: float, classes: int) -> Indices:
    """``n_c = floor(n IF^(-c / (C - 1)))`` images for class c of C; class 0 is the largest.

    Source: Cui et al., CVPR 2019; Cao et al., NeurIPS 2019. Raises InputError for an imbalance
    below 1 or fewer than two classes.
    """
    if not 1 <= imbalance < float("inf"):
        raise InputError(f"imbalance {imbalance:g}: the largest class over the smallest, 1 or more")
    if classes < 2:
        raise InputError(f"{classes} class: a long tail needs two or more")
    shares = imbalance ** (-np.arange(classes) / (classes - 1))
    return np.floor(n * shares + 1e-9).astype(np.int64)  # 4999.999... is 5000


def choose(
    images: ImageSet,
    imbalance: float | None,
    meta_per_class: int,
    chance: np.random.Generator,
    order: Sequence[str] | None = None,
    validation_per_class: int = 0,
) -> LongTail:
    """Draw the balanced meta set and validation images first; of the rest, what the profile leaves.

    ``n`` of the profile is what the smallest class has left after these; with ``imbalance``
    None all that is left is kept, for data that are imbalanced as they are. ``order``: names of all
    classes, the one that keeps the most first; else as in ``images``.

    Raises:
        InputError: one sentence on a label out of range, a class smaller than what is drawn first,
            an imbalance below 1, a class that the profile leaves empty, or an order of other
            classes.
    """
    members, first = _members(images), meta_per_class + validation_per_class
    for name, rows in zip(images.classes, members, strict=True):
        if len(rows) < first:
            more = " and validation_per_class ask" if validation_per_class else ""
            raise InputError(
                f"class '{name}' has {len(rows)} images, fewer than the {first} that "
                f"meta_per_class asks{more} for"
            )
    shuffled = [chance.permutation(rows) for rows in members]
    meta = np.concatenate([rows[:meta_per_class] for rows in shuffled])
    held = np.concatenate([rows[meta_per_class:first] for rows in shuffled])
    left = [rows[first:] for rows in shuffled]
    counts = _counts(images, [len(rows) for rows in left], imbalance, order)
    train = np.concatenate([rows[:count] for rows, count in zip(left, counts, strict=True)])
    return LongTail(np.sort(train), np.sort(meta), counts, np.sort(held if len(held) else meta))


def _members(images: ImageSet) -> list[Indices]:
    wrong = np.flatnonzero((images.labels < 0) | (images.labels >= len(images.classes)))
    if len(wrong):
        raise InputError(
            f"image {wrong[0]} has label {images.labels[wrong[0]]}, outside "
            f"0..{len(images.classes) - 1}"
        )
    return [np.flatnonzero(images.labels == c) for c in range(len(images.classes))]


def _ranks(classes: Sequence[str], order: Sequence[str] | None) -> list[int]:
    """The place of each class in the order."""
    names = list(classes if order is None else order)
    if sorted(names) != sorted(classes):
        wrong = next((name for name in names if name not in classes), None)
        missing = next((name for name in classes if name not in names), None)
        twice = next((name for name in names if names.count(name) > 1), None)
        if wrong is not None:
            raise InputError(f"draw.order: '{wrong}' is no class; {nearest(wrong, classes)}")
        words = f"'{missing}' is missing" if missing is not None else f"'{twice}' stands twice"
        raise InputError(f"draw.order: {words}")
    return [names.index(name) for name in classes]


def _counts(
    images: ImageSet, left: list[int], imbalance: float | None, order: Sequence[str] | None
) -> Indices:
    counts = np.array(left, np.int64)
    if imbalance is not None:
        sizes = profile(min(left), imbalance, len(left))
        counts = sizes[_ranks(images.classes, order)]
    if not counts.all():
        empty = int(np.flatnonzero(counts == 0)[0])
        words = "as they are" if imbalance is None else f"with imbalance {imbalance:g}"
        raise InputError(
            f"class '{images.classes[empty]}' would be left without a training image: "
            f"{left[empty]} remain after the images drawn first, {words}"
        )
    return counts
