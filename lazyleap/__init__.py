"""Long-horizon gradient-based meta-learning: a student explores, a teacher leaps.

Read :mod:`lazyleap.bilevel` (the four functions of a meta-learning problem), then
:mod:`lazyleap.estimators.lazy` (the student's path and the teacher's steps).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazyleap.lazily import offer

if TYPE_CHECKING:
    from lazyleap.algorithms import ANIL as ANIL
    from lazyleap.algorithms import MAML as MAML
    from lazyleap.algorithms import SGD as SGD
    from lazyleap.algorithms import Adam as Adam
    from lazyleap.algorithms import MetaAttack as MetaAttack
    from lazyleap.algorithms import MetaSGD as MetaSGD
    from lazyleap.algorithms import Reweight as Reweight
    from lazyleap.algorithms import Weighted as Weighted
    from lazyleap.algorithms import WeightNet as WeightNet
    from lazyleap.bilevel import Adapts as Adapts
    from lazyleap.bilevel import Batch as Batch
    from lazyleap.bilevel import Bilevel as Bilevel
    from lazyleap.bilevel import Task as Task
    from lazyleap.bilevel import adapt as adapt
    from lazyleap.errors import DivergedError as DivergedError
    from lazyleap.errors import InputError as InputError
    from lazyleap.estimators import Estimator as Estimator
    from lazyleap.estimators import Exact as Exact
    from lazyleap.estimators import FirstOrder as FirstOrder
    from lazyleap.estimators import Implicit as Implicit
    from lazyleap.estimators import Lazy as Lazy
    from lazyleap.estimators import MetaGradient as MetaGradient
    from lazyleap.estimators import Reptile as Reptile
    from lazyleap.estimators import Unrolled as Unrolled
    from lazyleap.models import functional as functional
    from lazyleap.models import weights as weights
    from lazyleap.traits import Trait as Trait
    from lazyleap.trees import Tree as Tree

__version__ = "0.2.0"

_NAMES = {
    "lazyleap.algorithms": "ANIL Adam MAML MetaAttack MetaSGD Reweight SGD WeightNet Weighted",
    "lazyleap.trees": "Tree",
    "lazyleap.bilevel": "Adapts Batch Bilevel Task adapt",
    "lazyleap.errors": "DivergedError InputError",
    "lazyleap.estimators": "Estimator Exact FirstOrder Implicit Lazy MetaGradient Reptile Unrolled",
    "lazyleap.models": "functional weights",
    "lazyleap.traits": "Trait",
}
_HOME = {name: home for home, names in _NAMES.items() for name in names.split()}
__all__ = [*_HOME, "__version__"]
# On first use, not at import: checking a params file must not wait for torch.
__getattr__, __dir__ = offer(__name__, _HOME)
