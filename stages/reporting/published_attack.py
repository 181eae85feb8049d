"""Published black-box attacks on MNIST and CIFAR-10: success, mean L2, mean queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stages.reporting.compare import Group

DU = "Du et al.: Query-efficient Meta Attack to Deep Neural Networks, ICLR 2020"
UNSURE = "from memory, to be checked; whether targeted or untargeted is unverified"


@dataclass(frozen=True)
class PublishedAttack:
    """A row of someone else's table: ``success`` a fraction, ``l2`` in pixels of 0..1.

    ``match``: our algorithm and estimator of the same method; None where we have none.
    """

    method: str
    success: float
    l2: float
    queries: int
    match: tuple[str, str] | None = None

    def ours(self, groups: Sequence[Group]) -> list[Group]:
        """Our settings of the same method."""
        return [
            g
            for g in groups
            if (g.first.setting.algorithm, g.first.setting.estimator) == self.match
        ]


_ZOO, _META = ("zoo", "none"), ("meta_attack", "reptile")
FIGURES = {
    "mnist": (
        PublishedAttack("ZOO", 1.0, 1.61, 21_760, _ZOO),
        PublishedAttack("AutoZOOM", 1.0, 1.86, 2_412),
        PublishedAttack("Bandits", 0.73, 1.99, 3_771),
        PublishedAttack("meta-attack", 1.0, 1.77, 749, _META),
    ),
    "cifar-10": (
        PublishedAttack("ZOO", 1.0, 0.30, 8_192, _ZOO),
        PublishedAttack("AutoZOOM", 1.0, 0.28, 3_112),
        PublishedAttack("Bandits", 0.91, 0.33, 4_491),
        PublishedAttack("meta-attack", 0.92, 0.35, 1_765, _META),
    ),
}
"""By reader; all as Du et al. print them, and all from memory."""
