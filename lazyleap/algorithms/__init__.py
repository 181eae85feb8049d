"""Choices of the four functions of a meta-learning problem (:mod:`lazyleap.bilevel`)."""

from lazyleap.algorithms.anil import ANIL
from lazyleap.algorithms.maml import MAML
from lazyleap.algorithms.meta_attack import MetaAttack
from lazyleap.algorithms.meta_sgd import MetaSGD
from lazyleap.algorithms.reweight import Reweight
from lazyleap.algorithms.sgd import SGD
from lazyleap.algorithms.weight_net import WeightNet
from lazyleap.algorithms.weighting import Weighted, Weighting

__all__ = [
    "ANIL",
    "MAML",
    "SGD",
    "MetaAttack",
    "MetaSGD",
    "Reweight",
    "WeightNet",
    "Weighted",
    "Weighting",
]
