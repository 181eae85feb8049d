"""Choices of the four functions of a meta-learning problem (:mod:`lazyleap.bilevel`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazyleap.lazily import offer

if TYPE_CHECKING:
    from lazyleap.algorithms.adam import Adam as Adam
    from lazyleap.algorithms.anil import ANIL as ANIL
    from lazyleap.algorithms.maml import MAML as MAML
    from lazyleap.algorithms.meta_attack import MetaAttack as MetaAttack
    from lazyleap.algorithms.meta_sgd import MetaSGD as MetaSGD
    from lazyleap.algorithms.reweight import Reweight as Reweight
    from lazyleap.algorithms.sgd import SGD as SGD
    from lazyleap.algorithms.weight_net import WeightNet as WeightNet
    from lazyleap.algorithms.weighting import Weighted as Weighted
    from lazyleap.algorithms.weighting import Weighting as Weighting

_HOMES = {
    "ANIL": "lazyleap.algorithms.anil",
    "Adam": "lazyleap.algorithms.adam",
    "MAML": "lazyleap.algorithms.maml",
    "MetaAttack": "lazyleap.algorithms.meta_attack",
    "MetaSGD": "lazyleap.algorithms.meta_sgd",
    "Reweight": "lazyleap.algorithms.reweight",
    "SGD": "lazyleap.algorithms.sgd",
    "WeightNet": "lazyleap.algorithms.weight_net",
    "Weighted": "lazyleap.algorithms.weighting",
    "Weighting": "lazyleap.algorithms.weighting",
}
__all__ = [*_HOMES]
__getattr__, __dir__ = offer(__name__, _HOMES)
