"""The running classifier: parameters, statistics and momentum, moved by real steps alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lazyleap import tensorfile
from lazyleap.bilevel import Batch
from lazyleap.errors import InputError
from lazyleap.longtail.options import LongTailTraining
from lazyleap.models.layout import channels_last, chosen, flat, shaped
from lazyleap.training.watch import Watch
from lazyleap.trees import Tree, copy, detach, leaf

PREFIX = "classifier/"


@dataclass(frozen=True)
class Descent:
    """SGD as published: ``m <- momentum m + g + weight_decay w;  w <- w - rate m``.

    The rate rises to ``lr`` over the fraction ``warmup`` of ``iterations`` and is multiplied by
    ``decay`` at each fraction in ``milestones``.
    """

    lr: float
    momentum: float
    weight_decay: float
    warmup: float
    milestones: tuple[float, ...]
    decay: float
    iterations: int

    @classmethod
    def of(cls, options: LongTailTraining, iterations: int) -> Descent:
        """What params.yaml says, over so many steps."""
        return cls(
            options.lr,
            options.momentum,
            options.weight_decay,
            options.warmup,
            tuple(options.milestones),
            options.decay,
            iterations,
        )

    def share(self, iteration: int) -> float:
        """The rate of a step as a share of ``lr``."""
        warm = self.warmup * self.iterations
        rising = min(1.0, (iteration + 1) / warm) if warm else 1.0
        passed = sum(iteration >= fraction * self.iterations for fraction in self.milestones)
        return float(rising * self.decay**passed)


class Taken(NamedTuple):
    """Of a real step, the examples' weights and which were right, ``[n]``."""

    weights: Tensor
    hits: Tensor


class Classifier:
    """A network with running statistics as a state that real steps replace.

    ``network`` lends its form; its own parameters are copied once and never written to.
    """

    def __init__(self, network: nn.Module, descent: Descent) -> None:
        self._network, self.descent, self.watch = network, descent, Watch()
        self._like = detach(dict(network.named_parameters()))
        self._flat = flat(self._like)
        self._momentum = torch.zeros_like(self._flat)
        self.buffers = copy(dict(network.named_buffers()))

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The network's, now; later steps leave them as they are."""
        return shaped(self._flat, self._like)

    def step(
        self,
        iteration: int,
        batch: Batch,
        losses: Callable[[Tensor, Tensor], Tensor],
        weigh: Callable[[Tensor], Tensor],
        seen: Mapping[str, Tensor] = MappingProxyType({}),
    ) -> Taken:
        """One real step along ``sum_i w_i grad loss_i``; none once a number was not finite.

        ``losses`` gives ``[n]`` from logits and labels, ``weigh`` the weights ``[n]`` from these;
        ``seen`` are other numbers that must be finite. None is read here.
        """
        point, buffers = {n: leaf(p) for n, p in self.parameters.items()}, copy(self.buffers)
        logits = self._train(point, buffers, batch.inputs)
        each = losses(logits, batch.targets)
        weights = weigh(each.detach())
        loss = (weights * each).sum()
        found = torch.autograd.grad(loss, list(point.values()), materialize_grads=True)
        grad = flat(dict(zip(point, found, strict=True)))
        own = {"train/loss": loss, "train/gradient_norm": grad.norm()}
        alive = self.watch.see(iteration, {**seen, **own})
        self._move(grad, self.descent.lr * self.descent.share(iteration), alive)
        self.buffers = chosen(alive, buffers, self.buffers)
        return Taken(weights, logits.detach().argmax(1) == batch.targets)

    def _train(self, parameters: Tree, buffers: Tree, images: Tensor) -> Tensor:
        """Batch statistics; ``buffers`` take them in, and they are nobody else's."""
        whole = {**parameters, **buffers}
        logits: Tensor = torch.func.functional_call(self._network.train(), whole, (images,))
        return logits

    def _move(self, grad: Tensor, rate: float, alive: Tensor) -> None:
        options, w = self.descent, self._flat
        self._momentum = options.momentum * self._momentum + grad + options.weight_decay * w
        self._flat = torch.where(alive, w - rate * self._momentum, w)

    def answer(self, images: Tensor) -> Tensor:
        """Logits with running statistics, without a graph."""
        return answer(self._network, self.tree, images)

    @property
    def tree(self) -> dict[str, Tensor]:
        """Parameters and statistics, as ``load_state_dict`` takes them."""
        return {**self.parameters, **self.buffers}

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {
            "parameters": self.parameters,
            "buffers": self.buffers,
            "momentum": self._momentum,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self._flat = flat({n: state["parameters"][n] for n in self._like})
        self.buffers, self._momentum = dict(state["buffers"]), state["momentum"]


def answer(network: nn.Module, tree: Tree, images: Tensor, chunk: int = 500) -> Tensor:
    """Logits ``[n, classes]`` of the classifier ``tree``, ``chunk`` images at a time."""
    whole = {n: channels_last(p) for n, p in tree.items()}
    with torch.no_grad():
        parts = [
            torch.func.functional_call(network.eval(), whole, (piece,))
            for piece in torch.split(images, chunk)
        ]
    return torch.cat(parts)


def load_weights(network: nn.Module, path: Path) -> None:
    """Start ``network`` from a safetensors file: its ``state_dict``, or a run's theta.

    Running statistics may be missing; what is not the classifier's own is left out.

    Raises:
        InputError: if the file cannot be read, a parameter is missing or of another shape, or a
            tensor that the network takes holds a number that is not finite.
    """
    found = tensorfile.load(path)
    tree = {name.removeprefix(PREFIX): p for name, p in found.items()}
    for name, p in network.named_parameters():
        if name not in tree:
            raise InputError(f"{path}: has no parameter '{name}' of this network")
        if tree[name].shape != p.shape:
            shapes = f"{list(tree[name].shape)}, the network's is {list(p.shape)}"
            raise InputError(f"{path}: parameter '{name}' has shape {shapes}")
    known = network.state_dict().keys()
    taken = {n: p for n, p in tree.items() if n in known}
    tensorfile.require_finite(path, taken)
    network.load_state_dict(taken, strict=False)
