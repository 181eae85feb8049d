"""What a run has learned, and what PyTorch answers with it; its learner as an ONNX graph.

    support_places [S, 2]   in -1..1      query_places [Q, 2]     any S and Q from 1
    support_colours [S, C]  in 0..1       adaptation_steps []     inner_lr []
    -> query_colours [Q, C], support_losses [steps], adapted [P]

``adapted`` are the network's parameters after the steps, one after the other. A graph that goes on
from anywhere has ``start [P]`` among its inputs, and nothing learned inside.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import onnx
import torch
from onnx import ValueInfoProto
from torch import Tensor, nn

from lazyleap.algorithms import MAML, MetaSGD
from lazyleap.algorithms.sgd import parameters
from lazyleap.bilevel import Batch, step
from lazyleap.models import functional
from lazyleap.onnx.builder import Value
from lazyleap.onnx.inner_loop import Shape, Writer
from lazyleap.onnx.parity import Array, Feed
from lazyleap.trees import Tree

START, ADAPTED = "start", "adapted"


@dataclass(frozen=True)
class LearnedField:
    """A network from places to colours in -1..1, the problem it learns by, and what was learned."""

    network: nn.Module
    problem: MAML
    theta: Tree

    @property
    def rate(self) -> float:
        """The ``inner_lr`` to feed: alpha, or 1 where the rates themselves are learned."""
        return 1.0 if isinstance(self.problem, MetaSGD) else self.problem.inner_lr

    @property
    def dtype(self) -> torch.dtype:
        """Theta's."""
        return next(iter(self.theta.values())).dtype

    @property
    def start(self) -> Array:
        """Where the task model starts, ``[P]``."""
        phi = parameters(self.problem.init(self.theta))
        flat: Array = torch.cat([p.flatten() for p in phi.values()]).numpy()
        return flat

    def double(self) -> LearnedField:
        """The same in float64."""
        network = deepcopy(self.network).double()
        problem = replace(self.problem, forward=functional(network))
        theta = {n: p.double() for n, p in self.theta.items()}
        return replace(self, network=network, problem=problem, theta=theta)

    def adapt(self, feed: Feed) -> Array:
        """``query_colours``, in theta's dtype; of the inputs all but ``inner_lr``: :attr:`rate`."""
        given = {n: torch.from_numpy(a).to(self.dtype) for n, a in feed.items() if a.ndim}
        phi = self.problem.init(self.theta)
        if START in given:
            phi = {**phi, **_tree(given[START], parameters(phi))}
        batch = Batch(given["support_places"], 2 * given["support_colours"] - 1)
        with torch.no_grad():
            for _ in range(int(feed["adaptation_steps"])):
                phi = step(self.problem, phi, self.theta, batch)
            found = self.problem.predict(phi, self.theta, given["query_places"])
        colours: Array = ((found + 1) / 2).numpy()
        return colours


def _tree(flat: Tensor, like: Tree) -> dict[str, Tensor]:
    parts = torch.split(flat, [p.numel() for p in like.values()])
    return {n: part.view_as(p) for part, (n, p) in zip(parts, like.items(), strict=True)}


def export(learned: LearnedField) -> onnx.ModelProto:
    """The learner with what was learned inside."""
    return FieldWriter(learned).model()


def export_free(learned: LearnedField) -> onnx.ModelProto:
    """The learner that starts where it is told to."""
    return FreeWriter(learned).model()


class FieldWriter(Writer):
    """A learner of colours at places, by the mean squared error of colours in -1..1."""

    def __init__(self, learned: LearnedField) -> None:
        channels = learned.problem.predict(
            learned.problem.init(learned.theta),
            learned.theta,
            torch.zeros(1, 2, dtype=learned.dtype),
        ).shape[1]
        self.channels = channels
        given: dict[str, Shape] = {
            "support_places": ["S", 2],
            "support_colours": ["S", channels],
            "query_places": ["Q", 2],
            **self.more(learned),
        }
        example = torch.rand(4, 2, dtype=learned.dtype)
        super().__init__(learned.network, learned.problem, learned.theta, example, given)

    def more(self, learned: LearnedField) -> dict[str, list[int | str]]:
        """Further inputs."""
        del learned
        return {}

    def support(self) -> Value:
        """Where colours are known."""
        return self.builder.value("support_places", (-1, 2))

    def loss(self, outputs: Value) -> tuple[Value, Value]:
        """The mean over colours and places, and its gradient."""
        wanted = self.builder.value("support_colours") * 2.0 - 1.0
        apart = outputs - wanted
        count = self.builder.real(self.builder.op("Size", wanted))
        return (apart * apart).mean(0, 1), apart * 2.0 / count

    def answer(self) -> list[ValueInfoProto]:
        """Colours in 0..1, about, and the task model's parameters."""
        self.builder.scope = "answer/"
        found = self.predict(self.builder.value("query_places", (-1, 2)))
        colours = self.builder.named((found + 1.0) / 2.0, "query_colours")
        phi = parameters(self.phi)
        flat = [self.builder.value(f"adapted/{n}").reshape(-1) for n in phi]
        adapted = self.builder.named(self.builder.concat(flat, 0), ADAPTED)
        return [
            self.info(colours.name, ["Q", self.channels]),
            self.info(adapted.name, [size(self.phi)]),
        ]


class FreeWriter(FieldWriter):
    """The same from ``start``; an inner momentum begins at zero."""

    def more(self, learned: LearnedField) -> dict[str, list[int | str]]:
        """Where to start."""
        return {START: [size(learned.problem.init(learned.theta))]}

    def starts(self) -> list[str]:
        """``start``, cut to pieces; what else is carried is theta's."""
        self.builder.scope = "start/"
        phi, at = parameters(self.phi), 0
        flat, found = self.builder.value(START), {}
        for name, p in phi.items():
            piece = flat.slice((0,), slice(at, at + p.numel())).reshape(*p.shape)
            found[name], at = piece.name, at + p.numel()
            del self.weights[f"theta/{name}"]
        return [found.get(n, f"theta/{n}") for n in self.phi]


def size(phi: Tree) -> int:
    """How many parameters a task model has."""
    return sum(p.numel() for p in parameters(phi).values())


def feed_of(
    places: Tensor, image: Array, learned: LearnedField, steps: int, *, free: bool = False
) -> dict[str, Array]:
    """The inputs that fit ``image [C, H, W]``, in 0..1, at ``places [H W, 2]``."""
    flat = np.ascontiguousarray(image.reshape(len(image), -1).T).astype(np.float32)
    return {
        "support_places": places.float().numpy(),
        "support_colours": flat,
        "query_places": places.float().numpy(),
        "adaptation_steps": np.array(steps),
        "inner_lr": np.array(learned.rate, np.float32),
        **({START: learned.start.astype(np.float32)} if free else {}),
    }
