"""Choices of the four functions of a meta-learning problem (:mod:`lazyleap.bilevel`)."""

from lazyleap.algorithms.anil import ANIL
from lazyleap.algorithms.maml import MAML
from lazyleap.algorithms.meta_sgd import MetaSGD
from lazyleap.algorithms.sgd import SGD

__all__ = ["ANIL", "MAML", "SGD", "MetaSGD"]
