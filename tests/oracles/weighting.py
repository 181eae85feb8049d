"""Training a classifier on weighted examples, written out with plain torch; nothing of lazyleap's.

The classifier w is an SGD run; before each of its steps the weights of that step's own mini-batch
are found: by a rule, or by looking k virtual steps ahead and differentiating the meta set's loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from tests.oracles.networks import conv4, cross_entropies, running_norm
from tests.oracles.outer import Descent

Params = dict[str, Tensor]
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Sgd:
    """The classifier's own optimiser and schedule."""

    lr: float
    momentum: float
    weight_decay: float
    warmup: float
    milestones: tuple[float, ...]
    decay: float
    iterations: int

    def share(self, i: int) -> float:
        """Of the rate, at step i."""
        found = 1.0
        if i + 1 < self.warmup * self.iterations:
            found = (i + 1) / (self.warmup * self.iterations)
        for milestone in self.milestones:
            if i >= milestone * self.iterations:
                found *= self.decay
        return found


@dataclass(frozen=True)
class State:
    """Where training is."""

    w: Params
    momentum: Params
    statistics: Params
    means: Tensor  # of the weights by class, 1 being an even share
    net: Params = field(default_factory=dict)  # Meta-Weight-Net's V

    def classifier(self) -> Params:
        return {**self.w, **self.statistics}


def start(parameters: Params, statistics: Params, classes: int, net: Params) -> State:
    zero = {n: 0 * p for n, p in parameters.items()}
    return State(parameters, zero, statistics, torch.ones(classes, dtype=torch.float64), net)


def leaves(tree: Params) -> Params:
    return {n: p.detach().clone().requires_grad_() for n, p in tree.items()}


def of_class(means: Tensor, labels: Tensor) -> Tensor:
    """The current weighting of a batch that is only looked at."""
    return means[labels] / means[labels].sum()


@dataclass(frozen=True)
class Rule:
    """Weights by class, the same at every step from ``since`` on; ``margins`` off the own logit."""

    shares: Sequence[float]
    since: float = 0.0
    margins: Sequence[float] | None = None
    scale: float = 1.0

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        logits = self.scale * logits
        if self.margins is not None:
            logits = logits.clone()
            for i, label in enumerate(labels.tolist()):
                logits[i, label] = logits[i, label] - self.margins[label]
        return cross_entropies(logits, labels)

    def weigh(self, state: State, i: int, share: float, data: Data):
        labels = data.batches[i][1]
        shares = [1.0 if i < self.since else self.shares[label] for label in labels.tolist()]
        weights = torch.tensor(shares, dtype=torch.float64)
        return state, lambda losses: weights / weights.sum()


@dataclass(frozen=True)
class Data:
    """Mini-batches by number, as many as are looked at, and the meta set."""

    batches: Sequence[Batch]
    meta: Batch


@dataclass(frozen=True)
class Ahead:
    """k virtual steps; the teacher takes ``steps`` of them in the graph and leaps the others."""

    rate: float
    horizon: int
    weighted_first: bool
    steps: Sequence[int]

    losses = staticmethod(cross_entropies)

    def order(self, i: int) -> list[int]:
        """The numbers of the inner batches; i is the one whose weights are learned."""
        later = [i + j for j in range(1, self.horizon)]
        return [i, *later] if self.weighted_first else [*later, i]

    def loss(self, state: State, i: int, share: float, data: Data, weights) -> Tensor:
        """Of the meta set after the virtual steps; ``weights(number, losses)`` weigh them."""
        phi = leaves(state.w)
        for j, number in enumerate(self.order(i)):
            images, labels = data.batches[number]
            at = phi if j in self.steps else leaves(phi)
            each = cross_entropies(conv4(at, images), labels)
            found = torch.autograd.grad(
                each, list(at.values()), weights(number, each), create_graph=True
            )
            moves = [-self.rate * share * g for g in found]
            if j not in self.steps:
                moves = [move.detach() for move in moves]
            phi = {n: phi[n] + move for n, move in zip(phi, moves, strict=True)}
        images, labels = data.meta
        return cross_entropies(conv4(phi, images), labels).mean()


class Reweight(Ahead):
    """L2RW: ``max(-d loss / d eps, 0)`` at eps = 0, made to sum to 1."""

    def weigh(self, state: State, i: int, share: float, data: Data):
        eps = torch.zeros(len(data.batches[i][1]), dtype=torch.float64, requires_grad=True)

        def weights(number: int, losses: Tensor) -> Tensor:
            return eps if number == i else of_class(state.means, data.batches[number][1])

        loss = self.loss(state, i, share, data, weights)
        (slope,) = torch.autograd.grad(loss, [eps])
        found = (-slope).clamp(min=0)
        return state, lambda losses: found / found.sum() if found.any() else found


@dataclass(frozen=True)
class WeightNet(Ahead):
    """Meta-Weight-Net: V moves along its meta-gradient, and weighs the real step by V(ce) / n."""

    descent: Descent

    def weigh(self, state: State, i: int, share: float, data: Data):
        net = leaves(state.net)
        loss = self.loss(state, i, share, data, lambda number, each: weight(net, each))
        slopes = torch.autograd.grad(loss, list(net.values()))
        moved = self.descent.move(state.net, dict(zip(net, slopes, strict=True)), i)
        return replace(state, net=moved), partial(weight, moved)


def weight(net: Params, losses: Tensor) -> Tensor:
    """``sigmoid(W2 relu(W1 loss + b1) + b2) / n``."""
    hidden = (losses[:, None] * net["hidden.weight"][:, 0] + net["hidden.bias"]).clamp(min=0)
    score = hidden @ net["output.weight"][0] + net["output.bias"]
    return 1 / (1 + torch.exp(-score)) / len(losses)


def train(state: State, method, sgd: Sgd, data: Data, mean_decay: float) -> State:
    """All steps."""
    for i in range(sgd.iterations):
        share = sgd.share(i)
        state, weigh = method.weigh(state, i, share, data)
        state = step(state, method.losses, weigh, sgd, share, data.batches[i], mean_decay)
    return state


def step(state, losses, weigh, sgd: Sgd, share: float, batch: Batch, mean_decay: float) -> State:
    """The classifier's real step, its running statistics, and the running means of weights."""
    images, labels = batch
    w, statistics = leaves(state.w), dict(state.statistics)
    each = losses(conv4(w, images, seen=partial(see, statistics)), labels)
    weights = weigh(each.detach())
    grads = torch.autograd.grad((weights * each).sum(), list(w.values()))
    momentum = {
        n: sgd.momentum * state.momentum[n] + g + sgd.weight_decay * state.w[n]
        for n, g in zip(w, grads, strict=True)
    }
    moved = {n: p - sgd.lr * share * momentum[n] for n, p in state.w.items()}
    means = state.means.clone()
    for c in set(labels.tolist()) if weights.any() else ():
        mean = len(labels) * weights[labels == c].mean()
        means[c] = mean_decay * means[c] + (1 - mean_decay) * mean
    return replace(state, w=moved, momentum=momentum, statistics=statistics, means=means)


def see(statistics: Params, name: str, x: Tensor) -> None:
    """Running mean and unbiased variance, a tenth of what is new."""
    for what, new in (("mean", x.mean((0, 2, 3))), ("var", x.var((0, 2, 3), unbiased=True))):
        old = statistics[f"{name}.running_{what}"]
        statistics[f"{name}.running_{what}"] = 0.9 * old + 0.1 * new
    statistics[f"{name}.num_batches_tracked"] = statistics[f"{name}.num_batches_tracked"] + 1


def accuracy(state: State, batch: Batch) -> float:
    """By running statistics."""
    answers = conv4(state.classifier(), batch[0], running_norm).argmax(1)
    return float((answers == batch[1]).double().mean())
