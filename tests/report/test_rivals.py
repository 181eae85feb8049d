"""Who needs fewer queries, by hand: lazy or reptile, learned predictors or plain searches."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from stages.reporting.rivals import rivals
from tests.report import attack_grid as grid
from tests.report.attack_grid import groups

LAZY, REPTILE = grid.SETTINGS["lazy-k5"], grid.SETTINGS["reptile-k5"]
ZOO, SQUARE = grid.SETTINGS["zoo"], grid.SETTINGS["square"]


@pytest.mark.parametrize(
    ("queries", "verdict", "counts"),
    [
        (200, "lazy k=5, start needs fewer", "the difference in 1, reptile in 0; 0 cannot"),
        (400, "reptile k=5 needs fewer", "the difference in 0, reptile in 1; 0 cannot"),
        (270, "cannot be told apart", "the difference in 0, reptile in 0; 1 cannot"),
    ],
)
def test_lazy_against_reptile_by_hand(
    root: Path, queries: float, verdict: str, counts: str
) -> None:
    found = rivals(groups(root, {"l": (LAZY, queries), "r": (REPTILE, 300)}))
    (match,) = found.lazy
    assert match.gap == queries - 300
    assert match.half == pytest.approx(30 * 2**0.5)
    assert match.verdict == verdict
    assert counts in found.learned


def test_seeds_are_paired(root: Path) -> None:
    # differences -20 and -60: mean -40, t(.975, 1) = 12.7062 times 28.284 / sqrt 2 = 254.12
    needs = {"l0": (LAZY, 280), "l1": (LAZY | {"seed": 1}, 240)}
    needs |= {"r0": (REPTILE, 300), "r1": (REPTILE | {"seed": 1}, 300)}
    (match,) = rivals(groups(root, needs)).lazy
    assert match.each == pytest.approx((-20, -60))
    assert match.half == pytest.approx(math.hypot(254.124, 30 * 2**0.5), rel=1e-4)
    assert "over 2 paired seeds" in match.sentence


def test_only_the_same_horizon_and_length_compete(root: Path) -> None:
    needs = {"l": (LAZY, 200), "r": (grid.SETTINGS["reptile-k20"], 300)}
    needs |= {"long": (REPTILE | {"meta_iterations": 900}, 300)}
    found = rivals(groups(root, needs))
    assert found.lazy == ()
    assert found.learned == ""


def test_against_plain_searches_by_hand(root: Path) -> None:
    needs = {"l": (LAZY, 300), "r": (REPTILE, 350), "zoo": (ZOO, 1000), "square": (SQUARE, 100)}
    found = rivals(groups(root, needs))
    zoo, square = found.against_plain
    assert "against zoo (1,000 ± 30 queries an image): of 2 predictors 2 need fewer" in zoo
    assert "lazy k=5, start, needs 300 ± 30: difference −700 ± 42 (−70 %)." in zoo
    assert "0 need fewer beyond the interval, 2 more" in square
    assert "+200 ± 42 (3.0 times as many)" in square
    assert found.lead == "Fewest queries: square, 100 ± 30 an image. All others clearly need more."


def test_the_lead_names_ties(root: Path) -> None:
    found = rivals(groups(root, {"l": (LAZY, 300), "r": (REPTILE, 310), "z": (ZOO, 900)}))
    assert found.lead.endswith("Not told apart from it: reptile k=5.")
