"""A part of theta that nothing is heard of: found from the graph, not from the numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from lazyleap.bilevel import Bilevel, Task, step
from lazyleap.errors import InputError
from lazyleap.estimators import chance
from lazyleap.trees import Tree, leaf


def require_heard(
    problem: Bilevel,
    theta: Tree,
    task: Task,
    end: Tree,
    taken: Collection[int],
    unheard: Collection[str],
) -> None:
    """Refuse a teacher that leaps over every step that a part of theta acts through.

    ``unheard`` are the names of theta that nothing was pulled back onto: their gradient would be
    zero whatever they are, which is no gradient. A zero that comes from the numbers is left alone.

    Cost: none, unless a name is unheard; then one backward pass a step.

    Raises:
        InputError: naming the part; also if nothing at all depends on it.
    """
    if not unheard:
        return

    def at(j: int) -> Callable[[Tree], Tree]:
        return lambda anchor: step(problem, end, anchor, task.inner[j])

    with chance.replayed(chance.state(theta)):  # nothing that is drawn here is drawn for good
        for j in set(range(len(task.inner))) - set(taken):
            if lost := sorted(reached(at(j), theta).intersection(unheard)):
                raise InputError(
                    f"theta['{lost[0]}'] acts through steps that the teacher leaps over, such as "
                    f"{j}, and through nothing else: place a step of the teacher there, or let "
                    f"{type(problem).__name__}.taught(horizon) name the steps it must take"
                )
    require_part(problem, unheard)


def require_read(problem: Bilevel, theta: Tree, task: Task, grad: Tree) -> None:
    """:func:`require_part` for an estimator that pulls nothing back.

    Unread is what has a ``grad`` of zero and no part in the outer loss at the start. Cost: a read
    of each tensor, on the CPU alone; a pass over the outer loss, if one is zero.

    Raises:
        InputError: naming it.
    """
    cpu = all(p.device.type == "cpu" for p in grad.values())
    if not cpu or not (zero := {n for n, p in grad.items() if not bool(p.any())}):
        return
    with chance.replayed(chance.state(theta)):
        read = reached(lambda t: {"": problem.outer_loss(problem.init(t), t, task.outer)}, theta)
    require_part(problem, zero - read)


def require_part(problem: Bilevel, unread: Collection[str]) -> None:
    """Refuse a theta with names that nothing reads, which would never learn.

    An ``nn.Module`` has checked its names already, and may have layers that it does not use.

    Raises:
        InputError: naming the first.
    """
    if unread and not isinstance(getattr(problem, "forward", None), Named):
        raise InputError(
            f"theta['{min(unread)}'] is read by no inner step and not by the outer loss: "
            "is its name misspelt, or another network's?"
        )


@runtime_checkable
class Named(Protocol):
    """A network that refuses names other than its own."""

    @property
    def names(self) -> Collection[str]:
        """Of its parameters."""
        ...


def reached(function: Callable[[Tree], Tree], theta: Tree) -> set[str]:
    """The names of ``theta`` that the result of ``function`` is computed from."""
    with torch.enable_grad():
        leaves = {n: leaf(p) for n, p in theta.items()}
        values: list[Tensor] = [p for p in function(leaves).values() if p.requires_grad]
        if not values:
            return set()
        ones = [torch.ones_like(p) for p in values]
        found = torch.autograd.grad(values, list(leaves.values()), ones, allow_unused=True)
    return {n for n, g in zip(leaves, found, strict=True) if g is not None}
