"""Ways to estimate the meta-gradient: sibling files, one signature (:class:`Estimator`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazyleap.lazily import offer

if TYPE_CHECKING:
    from lazyleap.estimators.base import Estimator as Estimator
    from lazyleap.estimators.base import MetaGradient as MetaGradient
    from lazyleap.estimators.base import Path as Path
    from lazyleap.estimators.exact import Exact as Exact
    from lazyleap.estimators.first_order import FirstOrder as FirstOrder
    from lazyleap.estimators.implicit import Implicit as Implicit
    from lazyleap.estimators.lazy import Lazy as Lazy
    from lazyleap.estimators.reptile import Reptile as Reptile
    from lazyleap.estimators.unrolled import Unrolled as Unrolled

_HOMES = {
    "Estimator": "lazyleap.estimators.base",
    "MetaGradient": "lazyleap.estimators.base",
    "Path": "lazyleap.estimators.base",
    "Exact": "lazyleap.estimators.exact",
    "FirstOrder": "lazyleap.estimators.first_order",
    "Implicit": "lazyleap.estimators.implicit",
    "Lazy": "lazyleap.estimators.lazy",
    "Reptile": "lazyleap.estimators.reptile",
    "Unrolled": "lazyleap.estimators.unrolled",
}
__all__ = [*_HOMES]
__getattr__, __dir__ = offer(__name__, _HOMES)
