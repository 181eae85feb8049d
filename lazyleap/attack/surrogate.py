"""Which training images surrogates do not see."""

from __future__ import annotations

from lazyleap.attack.chosen import Chosen
from lazyleap.datasets.indices import Indices
from lazyleap.datasets.store import Prepared


def held_out(data: Prepared) -> Indices:
    """Training images that no surrogate is trained on."""
    return Chosen.load(data.folder / "held_out.npz", data.split("train")).rows
