"""What came of each test item, as evaluation stores it: metrics are means of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lazyleap.arrays import read_npz
from lazyleap.errors import InputError
from lazyleap.statistics import Numbers

FILE = "items.npz"


@dataclass(frozen=True)
class Items:
    """Test items of one run: episodes, images, or attacked images of each target.

    ``values``: by metric, one number an item, ``[N]``; the metric is their mean. ``about``: other
    facts of the items, ``[N, ...]``, by name. Two of these say how items hang together, see
    :func:`lazyleap.statistics.spread`: ``clusters`` int ``[N, c]`` (an episode's classes, an
    attacked image), ``strata`` int ``[N]`` (a test image's class).
    """

    values: Mapping[str, Numbers]
    about: Mapping[str, Numbers] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    @property
    def clusters(self) -> Numbers | None:
        """What items share that is a sample itself; None if nothing."""
        return self.about.get("clusters")

    @property
    def strata(self) -> Numbers | None:
        """What items share that would be the same for others; None if nothing."""
        return self.about.get("strata")

    def save(self, path: Path) -> None:
        """Write an .npz file, equal bytes for equal content."""
        columns = {f"value:{name}": np.asarray(v, np.float64) for name, v in self.values.items()}
        columns |= {f"about:{name}": v for name, v in self.about.items()}
        np.savez_compressed(path, allow_pickle=False, **dict(sorted(columns.items())))

    @staticmethod
    def load(path: Path) -> Items:
        """Read what :meth:`save` wrote; InputError if it is missing or broken."""
        columns = read_npz(path, "does not hold test items")
        parts: dict[str, dict[str, Numbers]] = {"value": {}, "about": {}}
        for name, column in columns.items():
            part, _, rest = name.partition(":")
            if part not in parts:
                raise InputError(f"{path}: does not hold test items (column '{name}')")
            parts[part][rest] = column
        lengths = {len(column) for column in columns.values()}
        if not parts["value"] or len(lengths) != 1 or 0 in lengths:
            raise InputError(f"{path}: does not hold test items (rows: {sorted(lengths)})")
        return Items(parts["value"], parts["about"])
