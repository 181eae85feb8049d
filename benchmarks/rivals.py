"""Other people's meta-gradients of the same few-shot problem, each as its users write it.

A rival is a function of a network in plain torch, tasks, the horizon and the inner rate; what it
returns fills ``.grad`` of the network's parameters with the mean gradient over the tasks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from lazyleap import Task

Step = Callable[[], None]
Loss = Callable[[Tensor, Tensor], Tensor]
Rival = Callable[..., Step]
"""Of a network, tasks, the inner rate and the loss: cross-entropy where none is given."""


def plain_conv4(channels: int, size: int, width: int, classes: int) -> nn.Sequential:
    """Conv-4 of the textbook: convolution with a bias, batch statistics, ReLU, 2x2 maximum."""
    layers: list[nn.Module] = []
    for i in range(4):
        layers += [
            nn.Conv2d(width if i else channels, width, 3, padding=1),
            nn.BatchNorm2d(width, track_running_stats=False),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        size //= 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * size * size, classes))


def by_hand(
    network: nn.Module, tasks: Sequence[Task], rate: float, loss_of: Loss = cross_entropy
) -> Step:
    """The inner loop on one tape: ``functional_call`` and ``autograd.grad``, a task at a time."""

    def step() -> None:
        for task in tasks:
            phi: dict[str, Tensor] = dict(network.named_parameters())
            for batch in task.inner:
                loss = loss_of(functional_call(network, phi, batch.inputs), batch.targets)
                grads = torch.autograd.grad(loss, list(phi.values()), create_graph=True)
                phi = {n: p - rate * g for (n, p), g in zip(phi.items(), grads, strict=True)}
            outer = functional_call(network, phi, task.outer.inputs)
            (loss_of(outer, task.outer.targets) / len(tasks)).backward()

    return step


def higher(
    network: nn.Module, tasks: Sequence[Task], rate: float, loss_of: Loss = cross_entropy
) -> Step:
    """The library higher (Grefenstette et al., 2019)."""
    library: Any = import_module("higher")
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)

    def step() -> None:
        for task in tasks:
            with library.innerloop_ctx(network, optimizer, copy_initial_weights=False) as made:
                inner, descend = made
                for batch in task.inner:
                    descend.step(loss_of(inner(batch.inputs), batch.targets))
                loss = loss_of(inner(task.outer.inputs), task.outer.targets)
                (loss / len(tasks)).backward()

    return step


def torchopt(
    network: nn.Module, tasks: Sequence[Task], rate: float, loss_of: Loss = cross_entropy
) -> Step:
    """TorchOpt's differentiable SGD."""
    library: Any = import_module("torchopt")
    optimizer = library.MetaSGD(network, lr=rate)

    def step() -> None:
        before = [
            library.extract_state_dict(part, by="reference", **kind)
            for part, kind in ((network, {"detach_buffers": True}), (optimizer, {}))
        ]
        for task in tasks:
            for batch in task.inner:
                optimizer.step(loss_of(network(batch.inputs), batch.targets))
            loss = loss_of(network(task.outer.inputs), task.outer.targets)
            (loss / len(tasks)).backward()
            for part, state in zip((network, optimizer), before, strict=True):
                library.recover_state_dict(part, state)

    return step


def learn2learn(
    network: nn.Module, tasks: Sequence[Task], rate: float, loss_of: Loss = cross_entropy
) -> Step:
    """learn2learn's MAML module."""
    library: Any = import_module("learn2learn")
    maml = library.algorithms.MAML(network, lr=rate)

    def step() -> None:
        for task in tasks:
            learner = maml.clone()
            for batch in task.inner:
                learner.adapt(loss_of(learner(batch.inputs), batch.targets))
            loss = loss_of(learner(task.outer.inputs), task.outer.targets)
            (loss / len(tasks)).backward()

    return step


def torch_maml(
    network: nn.Module, tasks: Sequence[Task], rate: float, loss_of: Loss = cross_entropy
) -> Step:
    """torch-maml: gradient checkpoints, one a step, as memory flat in the horizon asks for."""
    library: Any = import_module("torch_maml")

    def inner_loss(model: nn.Module, batch: Any) -> Tensor:
        return loss_of(model(batch.inputs), batch.targets)

    maml = library.GradientCheckpointMAML(
        network,
        inner_loss,
        optimizer=library.IngraphGradientDescent(rate),
        checkpoint_steps=1,
    )

    def step() -> None:
        for task in tasks:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of torch, of an argument that it leaves out
                model = maml(list(task.inner))[0]
            loss = loss_of(model(task.outer.inputs), task.outer.targets)
            (loss / len(tasks)).backward()

    return step


RIVALS: dict[str, tuple[Rival, str]] = {
    "by hand": (by_hand, "torch"),
    "higher": (higher, "higher"),
    "torchopt": (torchopt, "torchopt"),
    "learn2learn": (learn2learn, "learn2learn"),
    "torch-maml": (torch_maml, "torch_maml"),
}
"""By name, with the module that each needs."""

CHECKPOINTED = "torch-maml"  # slower by design; not one of those that the fastest is taken of


def importable() -> dict[str, Rival]:
    """Those whose module is installed."""
    found: dict[str, Rival] = {}
    for name, (rival, module) in RIVALS.items():
        try:
            import_module(module)
        except ImportError:
            continue
        found[name] = rival
    return found
