"""One meta-learning problem is four functions; everything here is written against them.

``theta`` is what is meta-learned, ``phi`` the task model (its parameters, with the inner
optimiser's state where it has one). With one inner batch ``b_j`` a step and the horizon ``k``,

    phi_0 = init(theta),  phi_{j+1} = step(phi_j, theta, b_j),  minimise outer_loss(phi_k, theta, q)

An *algorithm* is a choice of the four functions; an *estimator* is how the gradient of the outer
loss with respect to theta is had. The two are independent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

Tree = Mapping[str, Tensor]
"""Named tensors. Functions take trees and return new ones; nothing is written in place."""

Pull = Callable[[Tree], tuple[dict[str, Tensor], ...]]
"""A cotangent of a function's result to cotangents of each of its arguments."""


class Batch(NamedTuple):
    """Inputs ``[n, ...]`` and their targets ``[n]`` or ``[n, ...]``."""

    inputs: Tensor
    targets: Tensor


class Task(NamedTuple):
    """One inner problem: a batch for each of the k inner steps, and the batch theta is judged by.

    The horizon is ``len(inner)``. In few-shot learning every inner batch is the support set and
    ``outer`` is the query set.
    """

    inner: Sequence[Any]
    outer: Any


class Bilevel(Protocol):
    """The four functions of a meta-learning problem, over trees of one dtype and device.

    It may say more of itself. ``offers``: what is true of it (:class:`lazyleap.traits.Trait`);
    without it no estimator takes anything for granted, and only ``Exact``, ``Unrolled`` and
    ``Lazy``, which need nothing, accept it. ``taught(horizon)``: steps through whose direction
    alone a part of theta acts, which a teacher therefore takes, whatever else it takes.
    """

    def init(self, theta: Tree) -> Tree:
        """Where the task model starts, ``phi_0``."""
        ...

    def inner_grad(self, phi: Tree, theta: Tree, batch: Any) -> Tree:
        """The direction of an inner step; differentiable when gradients are enabled."""
        ...

    def update(self, phi: Tree, grad: Tree, theta: Tree) -> Tree:
        """One inner step along ``-grad``."""
        ...

    def outer_loss(self, phi: Tree, theta: Tree, batch: Any) -> Tensor:
        """The scalar that theta is judged by."""
        ...


def step(problem: Bilevel, phi: Tree, theta: Tree, batch: Any) -> Tree:
    """One whole inner step, ``update(phi, inner_grad(phi, theta, batch), theta)``."""
    return problem.update(phi, problem.inner_grad(phi, theta, batch), theta)


def gradient(
    loss: Callable[[Tree], Tensor], phi: Tree, weigh: Callable[[Tensor], Tensor] | None = None
) -> dict[str, Tensor]:
    """``d loss / d phi``: without a graph for the student, with one for the teacher.

    The student walks under ``torch.no_grad()``, and then the result is a constant. Elsewhere the
    result is itself differentiable, in ``phi`` and in whatever else ``loss`` was computed from.

    With ``weigh``, ``loss`` is a vector and the result ``sum_i weigh(loss)_i d loss_i / d phi``:
    the weights are constants of this derivative, and part of the graph for the next one.
    """
    graph = torch.is_grad_enabled()
    with torch.enable_grad():
        point = {n: p if graph and p.requires_grad else leaf(p) for n, p in phi.items()}
        value = loss(point)
        grads = torch.autograd.grad(
            value,
            list(point.values()),
            weigh(value) if weigh else None,
            create_graph=graph,
            materialize_grads=True,
        )
    return dict(zip(point, grads, strict=True))


def value_and_grad(
    function: Callable[..., Tensor], *primals: Tree
) -> tuple[Tensor, tuple[dict[str, Tensor], ...]]:
    """A scalar function's value and its gradient with respect to each primal."""
    with torch.enable_grad():
        leaves = [{n: leaf(p) for n, p in tree.items()} for tree in primals]
        value = function(*leaves)
    return value.detach(), _pull({"": value}, {"": torch.ones_like(value)}, leaves)


def vjp(
    function: Callable[..., Tree], cotangent: Tree, *primals: Tree
) -> tuple[dict[str, Tensor], ...]:
    """``cotangent @ d function / d primal`` for each primal.

    Cost: one evaluation and one backward pass; the tape is freed on return.
    """
    return linearize(function, *primals)[1](cotangent)


def linearize(
    function: Callable[..., Tree], *primals: Tree, keep: bool = False
) -> tuple[dict[str, Tensor], Pull]:
    """The value of ``function``, off every tape, and its vector-Jacobian product.

    One evaluation serves both. The first product frees the tape, unless it is to ``keep`` for more.
    """
    with torch.enable_grad():
        leaves = [{n: leaf(p) for n, p in tree.items()} for tree in primals]
        outputs = function(*leaves)

    def pull(cotangent: Tree) -> tuple[dict[str, Tensor], ...]:
        return _pull(outputs, cotangent, leaves, keep=keep)

    return detach(outputs), pull


def _pull(
    outputs: Tree, cotangent: Tree, leaves: Sequence[Tree], *, keep: bool = False
) -> tuple[dict[str, Tensor], ...]:
    names = [n for n, p in outputs.items() if p.requires_grad]
    flat = [p for tree in leaves for p in tree.values()]
    if not names:  # a function of none of its arguments, such as the start of a running classifier
        return tuple({n: torch.zeros_like(p) for n, p in tree.items()} for tree in leaves)
    values, weights = [outputs[n] for n in names], [cotangent[n] for n in names]
    found = torch.autograd.grad(
        values, flat, weights, retain_graph=keep, allow_unused=True, materialize_grads=True
    )
    grads = iter(found)
    return tuple({n: next(grads) for n in tree} for tree in leaves)


def copy(tree: Tree) -> dict[str, Tensor]:
    """The same numbers off every tape, in memory of their own."""
    return {n: p.detach().clone() for n, p in tree.items()}


def leaf(tensor: Tensor) -> Tensor:
    """The same numbers at the start of a tape of their own."""
    return tensor.detach().requires_grad_()


def detach(tree: Tree) -> dict[str, Tensor]:
    """The same numbers, off every tape: stop-gradient."""
    return {n: p.detach() for n, p in tree.items()}


def add(a: Tree, b: Tree, scale: float = 1.0) -> dict[str, Tensor]:
    """``a + scale * b``, name by name."""
    return {n: torch.add(p, b[n], alpha=scale) for n, p in a.items()}


def subtract(a: Tree, b: Tree) -> dict[str, Tensor]:
    """``a - b``, name by name."""
    return add(a, b, -1.0)


def zeros(a: Tree) -> dict[str, Tensor]:
    """A tree of zeros like ``a``."""
    return {n: torch.zeros_like(p) for n, p in a.items()}


def dot(a: Tree, b: Tree) -> Tensor:
    """The inner product over all names of ``a``, a scalar."""
    return torch.stack([(p * b[n]).sum() for n, p in a.items()]).sum()


def norm(a: Tree) -> Tensor:
    """The Euclidean norm over all names, a scalar."""
    return dot(a, a).sqrt()
