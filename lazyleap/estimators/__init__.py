"""Ways to estimate the meta-gradient: sibling files, one signature (:class:`Estimator`)."""

from lazyleap.estimators.base import Estimator, MetaGradient, Path
from lazyleap.estimators.exact import Exact
from lazyleap.estimators.first_order import FirstOrder
from lazyleap.estimators.implicit import Implicit
from lazyleap.estimators.lazy import Lazy
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
