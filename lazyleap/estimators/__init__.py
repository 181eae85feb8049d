"""How the meta-gradient is had: sibling files, one signature (:class:`Estimator`)."""

from lazyleap.estimators.base import Estimator, MetaGradient, Path
from lazyleap.estimators.implicit import Implicit
from lazyleap.estimators.lazy import Exact, FirstOrder, Lazy
from lazyleap.estimators.reptile import Reptile
from lazyleap.estimators.unrolled import Unrolled

__all__ = [
    "Estimator",
    "Exact",
    "FirstOrder",
    "Implicit",
    "Lazy",
    "MetaGradient",
    "Path",
    "Reptile",
    "Unrolled",
]
