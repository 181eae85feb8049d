"""From a setting (words and numbers) to the objects that do the work."""

from __future__ import annotations

from torch import Tensor, nn

from lazyleap.algorithms import ANIL, MAML, SGD, MetaAttack, MetaSGD
from lazyleap.blocks import AlgorithmOptions
from lazyleap.estimators import (
    Estimator,
    Exact,
    FirstOrder,
    Implicit,
    Lazy,
    Reptile,
    Unrolled,
)
from lazyleap.longtail.options import WeightNetOptions
from lazyleap.models import functional, weights
from lazyleap.settings import Setting
from lazyleap.training.outer import OuterOptions

ALGORITHMS: dict[str, type[MAML]] = {
    "maml": MAML,
    "meta_sgd": MetaSGD,
    "anil": ANIL,
    "meta_attack": MetaAttack,
}


def algorithm(setting: Setting, network: nn.Module) -> MAML:
    """The four functions of the setting's problem."""
    kind = ALGORITHMS[setting.algorithm]
    assert isinstance(setting.algorithm_options, AlgorithmOptions)
    assert setting.inner_lr is not None
    momentum = setting.algorithm_options.momentum
    return kind(functional(network), setting.inner_lr, optimizer=SGD(momentum))


def theta(problem: MAML, network: nn.Module) -> dict[str, Tensor]:
    """Where meta-learning starts."""
    start = weights(network)
    return problem.theta(start) if isinstance(problem, MetaSGD) else start


def estimator(setting: Setting) -> Estimator:
    """How the setting's meta-gradient is had."""
    if setting.estimator == "lazy":
        assert setting.teacher is not None
        assert setting.lam is not None
        # "end" and lam < 1 go together; elsewhere the resolved steps say all
        placement = "end" if setting.lam < 1 else setting.teacher
        return Lazy(leaps=len(setting.teacher), placement=placement, lam=setting.lam)
    if setting.implicit is not None:
        return Implicit(setting.implicit.rho, setting.implicit.cg_steps)
    plain: dict[str, type[Estimator]] = {
        "first_order": FirstOrder,
        "exact": Exact,
        "unrolled": Unrolled,
        "reptile": Reptile,
    }
    return plain[setting.estimator]()


def outer(setting: Setting) -> OuterOptions:
    """How the setting's theta moves."""
    assert isinstance(setting.algorithm_options, AlgorithmOptions | WeightNetOptions)
    options = setting.algorithm_options.outer
    return OuterOptions(
        options.optimizer, options.lr, options.schedule, options.clip_norm, setting.meta_iterations
    )
