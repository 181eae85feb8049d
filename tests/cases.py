"""Tiny float64 problems: each algorithm, on a network that curves and on one that does not."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lazyleap import ANIL, MAML, Batch, MetaAttack, MetaSGD, Task
from lazyleap.algorithms import SGD
from tests.reference import Plain

INPUTS, HIDDEN, CLASSES = 3, 3, 2
RATE = 0.3
ALGORITHMS = {"maml": MAML, "meta_sgd": MetaSGD, "anil": ANIL}
WEIGHTINGS = ("reweight", "weight_net")
REFUSED = {  # what docs/method.md says does not go together
    *{("meta_sgd", "reptile"), ("meta_sgd", "implicit"), ("anil", "reptile")},
    *{(a, e) for a in WEIGHTINGS for e in ("first_order", "reptile", "implicit")},
}
ATTACK = "meta_attack"  # MAML for images to images, with a loss of its own


def perceptron(p, inputs: Tensor) -> Tensor:
    hidden = torch.tanh(inputs @ p["body.weight"] + p["body.bias"])
    return hidden @ p["head.weight"] + p["head.bias"]


def linear(p, inputs: Tensor) -> Tensor:
    """Linear in its parameters, body and head alike: the squared error is a quadratic."""
    return inputs @ p["head.weight"] + inputs.square() @ p["body.weight"]


def maps(p, inputs: Tensor) -> Tensor:
    """As the perceptron, an output for each input."""
    return torch.tanh(inputs @ p["down.weight"] + p["down.bias"]) @ p["up.weight"]


@dataclass(frozen=True)
class Network:
    forward: object
    loss: object
    shapes: dict[str, tuple[int, ...]]

    def parameters(self, draw) -> dict[str, Tensor]:
        return {n: 0.5 * draw(*shape) for n, shape in self.shapes.items()}

    def batch(self, draw, n: int) -> Batch:
        inputs, targets = 0.6 * draw(n, INPUTS), draw(n)
        if self.forward is maps:
            return Batch(inputs, draw(n, INPUTS))
        return Batch(inputs, targets if self.forward is linear else (targets > 0).long())


PERCEPTRON_SHAPES = {
    "body.weight": (INPUTS, HIDDEN),
    "body.bias": (HIDDEN,),
    "head.weight": (HIDDEN, CLASSES),
    "head.bias": (CLASSES,),
}
NETWORKS = {
    "perceptron": Network(perceptron, functional.cross_entropy, PERCEPTRON_SHAPES),
    "quadratic": Network(
        linear, functional.mse_loss, {"body.weight": (INPUTS,), "head.weight": (INPUTS,)}
    ),
}
PREDICTOR = Network(
    maps,
    lambda found, wanted: ((found - wanted) ** 2).sum() / wanted.numel(),
    {"down.weight": (INPUTS, 2), "down.bias": (2,), "up.weight": (2, INPUTS)},
)


@dataclass(frozen=True)
class Case:
    """One problem twice: as the library states it, and as the reference writes it out."""

    algorithm: str
    network: str
    momentum: float = 0.0

    def __str__(self) -> str:
        momentum = f"-momentum{self.momentum}" if self.momentum else ""
        return f"{self.algorithm}-{self.network}{momentum}"

    @property
    def net(self) -> Network:
        return PREDICTOR if self.algorithm == ATTACK else NETWORKS[self.network]

    @property
    def problem(self) -> MAML:
        net = self.net
        if self.algorithm == ATTACK:
            return MetaAttack(net.forward, RATE, optimizer=SGD(self.momentum))
        make = ALGORITHMS[self.algorithm]
        return make(net.forward, RATE, loss=net.loss, optimizer=SGD(self.momentum))

    @property
    def plain(self) -> Plain:
        net = self.net
        return Plain(self.algorithm, net.forward, net.loss, RATE, self.momentum)

    def theta(self) -> dict[str, Tensor]:
        draw = generator(1)
        parameters = self.net.parameters(draw)
        if self.algorithm != "meta_sgd":
            return parameters
        rates = {f"rate/{n}": 0.1 + 0.2 * draw(*p.shape) for n, p in parameters.items()}
        return {**{f"init/{n}": p for n, p in parameters.items()}, **rates}

    def tasks(self, horizon: int, n: int = 2, *, same_batch: bool = False) -> list[Task]:
        """``n`` tasks with another support batch at every step, unless ``same_batch``."""
        draw, net = generator(2), self.net
        tasks = []
        for _ in range(n):
            inner = [net.batch(draw, 6) for _ in range(horizon)]
            tasks.append(Task([inner[0]] * horizon if same_batch else inner, net.batch(draw, 5)))
        return tasks


def generator(seed: int):
    source = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=source, dtype=torch.float64)


CASES = [
    Case(algorithm, network, momentum)
    for algorithm in ALGORITHMS
    for network in NETWORKS
    for momentum in (0.0, 0.9)
] + [Case(ATTACK, "predictor", momentum) for momentum in (0.0, 0.9)]
CURVED = [case for case in CASES if case.network != "quadratic"]
