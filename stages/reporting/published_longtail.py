"""Published top-1 errors on CIFAR-10-LT and CIFAR-100-LT: ResNet-32, 200 epochs."""

from __future__ import annotations

from stages.reporting.published import Published

CUI = "Cui et al.: Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019"
REN = "Ren et al., ICML 2018, as reported by Shu et al., NeurIPS 2019"
SHU = "Shu et al.: Meta-Weight-Net, NeurIPS 2019"
CAO = "Cao et al.: Label-Distribution-Aware Margin Loss (LDAM-DRW), NeurIPS 2019"
FACTORS = (200, 100, 50, 20, 10)

Rows = tuple[tuple[str, str, tuple[str, str], tuple[float | None, ...]], ...]
_CIFAR_10: Rows = (
    ("cross-entropy", CUI, ("cross_entropy", "none"), (34.32, 29.64, 25.19, 17.77, 13.61)),
    ("class-balanced", CUI, ("class_balanced", "none"), (31.11, 27.63, 21.95, 15.64, 13.23)),
    ("L2RW", REN, ("reweight", "exact"), (33.49, 25.84, 21.07, 17.88, 14.81)),
    ("Meta-Weight-Net", SHU, ("weight_net", "exact"), (31.09, 24.79, 19.94, 15.06, 12.16)),
    ("LDAM-DRW", CAO, ("ldam_drw", "none"), (None, 22.97, None, None, 11.84)),
)
_CIFAR_100: Rows = (
    ("cross-entropy", CUI, ("cross_entropy", "none"), (65.16, 61.68, 56.15, 48.86, 44.29)),
    ("class-balanced", CUI, ("class_balanced", "none"), (64.44, 61.23, 55.21, 48.06, 42.43)),
    ("L2RW", REN, ("reweight", "exact"), (66.62, 59.77, 55.56, 48.36, 46.27)),
    ("Meta-Weight-Net", SHU, ("weight_net", "exact"), (62.09, 57.91, 53.26, 45.63, 41.54)),
    ("LDAM-DRW", CAO, ("ldam_drw", "none"), (None, 57.96, None, None, 41.29)),
)
_TABLES = {"cifar-10": _CIFAR_10, "cifar-100": _CIFAR_100}
READ_IN_A_SOURCE = {(SHU, 19.94), (SHU, 45.63), (CAO, 57.96)}
"""The others are from memory and printed as such."""


def figures(reader: str, imbalance: float | None) -> list[Published]:
    """Those of a data set at an imbalance factor; the weightings are greedy ones, k = 1."""
    if reader not in _TABLES or imbalance not in FACTORS:
        return []
    column = FACTORS.index(int(imbalance))
    return [
        Published(method, figure, citation, match, 1, (citation, figure) in READ_IN_A_SOURCE)
        for method, citation, match, row in _TABLES[reader]
        if (figure := row[column]) is not None
    ]
