"""From a setting (words and numbers) to what weighs its examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from lazyleap import build
from lazyleap.algorithms import weight_net
from lazyleap.algorithms.weighting import WeightedStep
from lazyleap.longtail.baselines import Fixed, class_balanced, ldam_margins
from lazyleap.longtail.batches import MetaStream, Stream
from lazyleap.longtail.classifier import Descent
from lazyleap.longtail.learned import Ahead, Examples, Net
from lazyleap.longtail.learner import Weigher
from lazyleap.longtail.means import ClassMeans
from lazyleap.longtail.options import (
    BaselineOptions,
    ClassBalancedOptions,
    LdamOptions,
    LongTailTask,
    ReweightOptions,
    WeightingOptions,
    WeightNetOptions,
)
from lazyleap.models import functional
from lazyleap.seeding import seed_torch
from lazyleap.settings import Setting
from lazyleap.training.outer import OuterOptimizer


@dataclass(frozen=True)
class Sources:
    """What a weigher looks at: mini-batches, meta-batches, running means, class sizes ``[C]``."""

    stream: Stream
    meta: MetaStream
    means: ClassMeans
    counts: Tensor


def weigher(setting: Setting, network: nn.Module, sources: Sources) -> Weigher:
    """How the setting weighs; ``network`` is the one for virtual steps, on its device."""
    options = setting.algorithm_options
    if not isinstance(options, ReweightOptions | WeightNetOptions):
        return _fixed(setting, sources.counts)
    assert setting.inner_lr is not None
    order = cast(WeightedStep, setting.weighted_step)
    ahead = Ahead(sources.stream, sources.meta, setting.horizon, order)
    forward, estimator = functional(network), build.estimator(setting)
    if isinstance(options, ReweightOptions):
        return Examples(
            forward, estimator, ahead, setting.inner_lr, sources.means, options.patience
        )
    seed_torch(setting.seed, "weight_net")
    start = {n: p.to(sources.counts.device) for n, p in weight_net.start(options.hidden).items()}
    outer = OuterOptimizer(start, build.outer(setting))
    return Net(forward, estimator, ahead, setting.inner_lr, outer)


def _fixed(setting: Setting, counts: Tensor) -> Fixed:
    options = setting.algorithm_options
    if isinstance(options, LdamOptions):
        return Fixed(
            class_balanced(counts, options.beta),
            since=options.deferred * setting.meta_iterations,
            margins=ldam_margins(counts, options.margin, options.scale),
        )
    if isinstance(options, ClassBalancedOptions):
        return Fixed(class_balanced(counts, options.beta))
    return Fixed(torch.ones(len(counts), device=counts.device))


def means(setting: Setting, classes: int, device: torch.device) -> ClassMeans:
    """Running means of the weights by class, at their start."""
    assert isinstance(setting.algorithm_options, WeightingOptions | BaselineOptions)
    return ClassMeans(classes, setting.algorithm_options.mean_decay, device)


def descent(setting: Setting) -> Descent:
    """How the setting's classifier moves."""
    assert isinstance(setting.task, LongTailTask)
    options = setting.task.training
    return Descent(
        options.lr,
        options.momentum,
        options.weight_decay,
        options.warmup,
        tuple(options.milestones),
        options.decay,
        setting.meta_iterations,
    )
