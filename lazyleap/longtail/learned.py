"""Weights learned at every training step: L2RW's start from zero, Meta-Weight-Net's carry on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lazyleap.algorithms import Weighted, Weighting
from lazyleap.algorithms.reweight import EPS, normalised, zero
from lazyleap.algorithms.weighting import WeightedStep, in_order
from lazyleap.bilevel import Batch, Task
from lazyleap.errors import DivergedError
from lazyleap.estimators import Estimator, MetaGradient, Path
from lazyleap.longtail.batches import MetaStream, Stream
from lazyleap.longtail.means import ClassMeans
from lazyleap.training.loop import Metrics
from lazyleap.training.meta_learner import travel
from lazyleap.training.outer import OuterOptimizer
from lazyleap.training.posed import Posed
from lazyleap.training.watch import Watch
from lazyleap.trees import Tree, norm


@dataclass(frozen=True)
class Ahead:
    """The inner problem of training step i: mini-batches i, i + 1, ..., i + k - 1 and a meta-batch.

    Those after i are looked at, not used up: they come again in their turn. ``horizon``: k, or what
    it is at an iteration.
    """

    stream: Stream
    meta: MetaStream
    horizon: int | Callable[[int], int]
    weighted_step: WeightedStep

    def task(self, iteration: int, weigh: Callable[[Batch], Tensor | None]) -> Task:
        """``weigh`` gives the weights of a batch looked at; None leaves them to theta."""
        k = self.horizon(iteration) if callable(self.horizon) else self.horizon
        now, *ahead = (self.stream[iteration + j] for j in range(k))
        known = [Weighted(*batch, weigh(batch)) for batch in ahead]
        inner = in_order(Weighted(*now), known, self.weighted_step)
        return Task(inner, self.meta[iteration])


Problem = Callable[..., Weighting]
"""A classifier's parameters, and its rate's ``share`` of its peak, to the inner problem."""


class Examples:
    """L2RW: each example's weight is ``max(-d outer / d eps_i, 0)`` at ``eps = 0``, with sum 1.

    Steps on batches looked ahead at weigh by the running class means of the learned weights. A
    batch in which nothing would have helped keeps weights of zero; ``patience`` of them in a row
    are an error.
    """

    def __init__(
        self,
        problem: Problem,
        estimator: Estimator,
        ahead: Ahead,
        means: ClassMeans,
        patience: int,
    ) -> None:
        self._problem, self._estimator, self._ahead = problem, estimator, ahead
        self._means, self._patience = means, patience
        self._now = self._idle = self._longest = torch.zeros((), dtype=torch.int64)
        self._path: Path | None = None

    def learn(self, iteration: int, classifier: Tree, share: float) -> dict[str, Tensor]:
        """Solve the meta-problem at the classifier as it is, alpha being ``share`` of its rate."""
        problem = self._problem(classifier=classifier, share=share)
        task = self._ahead.task(iteration, self._by_means)
        meta = self._estimator(problem, zero(task_batch(task)), [task])
        self._path, self._now = meta.paths[0], normalised(meta.grad[EPS])
        before = self._idle.to(self._now.device)
        self._idle = torch.where(self._now.any(), 0, before + 1)
        self._longest = torch.maximum(self._longest.to(self._now.device), self._idle)
        return watched(meta)

    def _by_means(self, batch: Batch) -> Tensor:
        return self._means.of(batch.targets)

    def describe(self) -> Metrics:
        """Where student and teacher went, and whether any example got a weight.

        Raises:
            DivergedError: if none did for ``patience`` mini-batches in a row, now or before.
        """
        if int(self._longest) >= self._patience:
            raise DivergedError(
                f"no example of {int(self._longest)} mini-batches in a row got a weight"
            )
        assert self._path is not None
        return travel(self._path) | {"weights/all_zero": float(self._idle > 0)}

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy ``[n]``."""
        return functional.cross_entropy(logits, labels, reduction="none")

    def weights(self, iteration: int, losses: Tensor, labels: Tensor) -> Tensor:
        """What :meth:`learn` has found for this step's examples."""
        return self._now

    @property
    def theta(self) -> dict[str, Tensor]:
        """The running means: the weights themselves are gone with their step."""
        return {"class_means": self._means.values}

    def posed(self, classifier: Tree, learned: Tree, count: int) -> Posed:
        """Weights of zero; steps looked ahead at weigh by the means that training ended with."""
        self._means.values = learned["class_means"]
        tasks = [self._ahead.task(i, self._by_means) for i in range(count)]
        return Posed(self._problem(classifier=classifier), zero(task_batch(tasks[0])), tasks)

    def state(self) -> dict[str, Any]:
        """The running means are kept by who updates them."""
        return {"idle": self._idle}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self._idle = state["idle"]


class Net:
    """Meta-Weight-Net: V takes one step of the outer optimiser, then weighs the real step."""

    def __init__(
        self,
        problem: Problem,
        estimator: Estimator,
        ahead: Ahead,
        optimizer: OuterOptimizer,
    ) -> None:
        self._problem, self._estimator, self._ahead = problem, estimator, ahead
        self._optimizer, self._watch, self._lr = optimizer, Watch(), 0.0
        self._path: Path | None = None

    def learn(self, iteration: int, classifier: Tree, share: float) -> dict[str, Tensor]:
        """One meta-step of V at the classifier as it is, alpha being ``share`` of its rate."""
        problem = self._problem(classifier=classifier, share=share)
        task = self._ahead.task(iteration, _by_theta)
        meta = self._estimator(problem, self._optimizer.theta, [task])
        seen = watched(meta)
        alive, length = self._watch.see(iteration, seen), seen["train/meta_gradient_norm"]
        self._path = meta.paths[0]
        self._lr = self._optimizer.move(iteration, meta.grad, length, alive)
        return seen

    def describe(self) -> Metrics:
        """Where student and teacher went, and V's rate."""
        assert self._path is not None
        return travel(self._path) | {"train/outer_lr": self._lr}

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy ``[n]``."""
        return functional.cross_entropy(logits, labels, reduction="none")

    def weights(self, iteration: int, losses: Tensor, labels: Tensor) -> Tensor:
        """Those of the algorithm: of V, ``V(ce) / n``, whose sum is not 1, as published."""
        seen = Weighted(torch.empty(0), labels)
        with torch.no_grad():
            return self._problem().weigh(self._optimizer.theta, seen, losses)

    @property
    def theta(self) -> dict[str, Tensor]:
        """V."""
        return self._optimizer.theta

    def posed(self, classifier: Tree, learned: Tree, count: int) -> Posed:
        """V as training ended with it."""
        tasks = [self._ahead.task(i, _by_theta) for i in range(count)]
        return Posed(self._problem(classifier=classifier), learned, tasks)

    def state(self) -> dict[str, Any]:
        """V and its optimiser."""
        return self._optimizer.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self._optimizer.load_state(state)


def _by_theta(batch: Batch) -> None:
    """V weighs the batches looked at, too."""


def task_batch(task: Task) -> Weighted:
    """The inner batch whose weights are learned."""
    (found,) = (batch for batch in task.inner if batch.weights is None)
    return found  # type: ignore[no-any-return]


def watched(meta: MetaGradient) -> dict[str, Tensor]:
    """Meta-loss and gradient norm."""
    return {"train/outer_loss": meta.loss, "train/meta_gradient_norm": norm(meta.grad)}
