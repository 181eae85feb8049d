"""What weighs a setting's examples: its algorithm with its estimator, or a rule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from lazyleap.algorithms import Reweight, Weighting
from lazyleap.longtail.batches import MetaStream, Stream
from lazyleap.longtail.learned import Ahead, Examples, Net
from lazyleap.longtail.learner import Weigher
from lazyleap.longtail.means import ClassMeans
from lazyleap.models import functional
from lazyleap.seeding import seed_torch
from lazyleap.setting import Setting
from lazyleap.training.outer import OuterOptimizer, OuterOptions


@dataclass(frozen=True)
class Sources:
    """What a weigher looks at: mini-batches, meta-batches, running means, class sizes ``[C]``."""

    stream: Stream
    meta: MetaStream
    means: ClassMeans
    counts: Tensor


def weigher(setting: Setting, network: nn.Module, sources: Sources) -> Weigher:
    """How the setting weighs; ``network`` is the one for virtual steps, on its device."""
    algorithm, options = setting.algorithm_class, setting.algorithm_options
    if not issubclass(algorithm, Weighting):
        fixed: Weigher = algorithm.weigher(options, sources.counts, setting.meta_iterations)
        return fixed
    ahead = Ahead(sources.stream, sources.meta, setting.horizon_at, options.weighted_step)
    problem = partial(algorithm.build, options, functional(network))
    estimator = setting.make_estimator()
    if issubclass(algorithm, Reweight):
        return Examples(problem, estimator, ahead, sources.means, options.patience)
    seed_torch(setting.seed, "weight_net")
    start = {n: p.to(sources.counts.device) for n, p in algorithm.initial(options).items()}
    outer = OuterOptions.of(options.outer, setting.meta_iterations)
    return Net(problem, estimator, ahead, OuterOptimizer(start, outer))
