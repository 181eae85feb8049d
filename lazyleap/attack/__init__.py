"""Attacks on a classifier by queries alone, to count how many it withstands.

Read :mod:`lazyleap.attack.oracle` (the one door to the classifier), then
:mod:`lazyleap.attack.predicted` (the meta-attack). They measure the robustness of one's own models.
"""

from __future__ import annotations

from lazyleap.attack.attempt import Outcome as Outcome
from lazyleap.attack.attempt import Search as Search
from lazyleap.attack.goals import Goal as Goal
from lazyleap.attack.limits import Limit as Limit
from lazyleap.attack.oracle import BudgetError as BudgetError
from lazyleap.attack.oracle import Oracle as Oracle
from lazyleap.attack.predicted import Predicted as Predicted
from lazyleap.attack.random_direction import RandomDirection as RandomDirection
from lazyleap.attack.square import Square as Square
from lazyleap.attack.zoo import Zoo as Zoo
