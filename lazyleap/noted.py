"""What an estimator notices on its way: the tags that a log has it under, and what it means."""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "leap/"  # of every tag that an estimator notes
MIN_FACTOR = "leap/min_factor"
"""The smallest factor by which an inner step stretches a direction; below 0 it turns it round."""
REFERENCE = "exact"  # of fidelity: the row that all others are held against

TURNED = (
    "an inner step stretches some direction by a negative factor (leap/min_factor is below 0): to "
    "leap over an odd number of such steps turns the gradient round along it, unless rest is "
    "signed_secants. Ask lazyleap fidelity how much that costs; other remedies are a lower "
    "inner_lr, or a teacher that takes more of the first steps, or all"
)


def warnings(lowest: Mapping[str, float]) -> list[str]:
    """A sentence for each thing amiss, with its remedy; ``lowest``: by tag, over a training."""
    return [TURNED] if lowest.get(MIN_FACTOR, 0.0) < 0 else []
