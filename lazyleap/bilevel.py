"""One meta-learning problem is four functions; everything here is written against them.

``theta`` is what is meta-learned, ``phi`` the task model (its parameters, with the inner
optimiser's state where it has one). With one inner batch ``b_j`` a step and the horizon ``k``,

    phi_0 = init(theta),  phi_{j+1} = step(phi_j, theta, b_j),  minimise outer_loss(phi_k, theta, q)

An *algorithm* is a choice of the four functions; an *estimator* is how the gradient of the outer
loss with respect to theta is computed. The two are independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from lazyleap.trees import Tree, detach, filled, leaf

Forward = Callable[[Tree, Any], Tensor]
"""A network as a function: parameters and inputs ``[n, ...]`` to outputs ``[n, ...]``."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""Outputs and targets to a scalar."""


class Batch(NamedTuple):
    """Inputs ``[n, ...]`` and their targets ``[n]`` or ``[n, ...]``.

    A network of several inputs gets a tuple of them, or a dict; what targets are, the loss says.
    """

    inputs: Any
    targets: Any


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
    ``batch_dims``: how many leading dimensions of task models and batches count tasks that are
    taken side by side as one problem; without it none do.
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


@runtime_checkable
class Adapts(Bilevel, Protocol):
    """A problem whose task model is a network that answers inputs: few-shot learning and its like.

    A dataclass with fields ``forward`` and ``loss``, that of both loops, which may be replaced;
    ``Options``: what params.yaml may say of it.
    """

    @classmethod
    def build(cls, options: Any, forward: Forward, **parts: Any) -> Self:
        """The problem of ``options`` (the class's ``Options``), a network, and perhaps a loss."""
        ...

    def theta(self, network: Any) -> dict[str, Tensor]:
        """Where meta-learning of a network, or of its parameters, starts."""
        ...

    def predict(self, phi: Tree, theta: Tree, inputs: Any) -> Tensor:
        """What the task model ``phi`` answers to ``inputs``."""
        ...


def step(problem: Bilevel, phi: Tree, theta: Tree, batch: Any) -> Tree:
    """One whole inner step, ``update(phi, inner_grad(phi, theta, batch), theta)``."""
    return problem.update(phi, problem.inner_grad(phi, theta, batch), theta)


_twice: ContextVar[bool] = ContextVar("twice", default=False)


def twice() -> bool:
    """Whether what is evaluated now will be differentiated twice: a step of the teacher's.

    Layers that have a closed form for it use it then, and nowhere else.
    """
    return _twice.get()


@torch.no_grad()
def adapt(problem: Bilevel, theta: Tree, batch: Any, steps: int) -> Tree:
    """The task model after so many inner steps on one batch, without a graph.

    What it answers, :meth:`Adapts.predict` says. Cost: ``steps`` first-order steps.
    """
    phi = problem.init(theta)
    for _ in range(steps):
        phi = step(problem, phi, theta, batch)
    return phi


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
    order = _twice.set(graph)
    try:
        with torch.enable_grad():
            point = {n: _point(p) if graph else leaf(p) for n, p in phi.items()}
            value = loss(point)
            weights = weigh(value) if weigh else None
    finally:
        _twice.reset(order)
    grads = torch.autograd.grad(
        value, list(point.values()), weights, create_graph=graph, materialize_grads=True
    )
    return dict(zip(point, grads, strict=True))


def _point(p: Tensor) -> Tensor:
    """``p``; where it is a constant, what this derivative alone is taken of: a view of a leaf.

    Of a view, unlike of a leaf, torch can tell that the pass after this one does not ask for it.
    """
    return p if p.requires_grad else leaf(p).view_as(p)


class Pull:
    """Cotangents of a function's value pulled back onto its primals.

    ``value``: what they are of, in the graph. ``constant``: it depends on none of the primals.
    ``keep``: for more than one cotangent; else the first one frees the tape.
    """

    def __init__(self, value: Tree, leaves: Sequence[Tree], *, keep: bool = False) -> None:
        self.value, self._leaves, self._keep = value, leaves, keep
        self.constant = not any(p.requires_grad for p in value.values())

    def __call__(self, cotangent: Tree) -> tuple[dict[str, Tensor], ...]:
        """``cotangent @ d function / d primal`` for each primal.

        A name that is missing, here as there, stands for zero: nothing depends on it.
        """
        names = [n for n, p in self.value.items() if p.requires_grad and n in cotangent]
        if not names:
            return tuple({} for _ in self._leaves)
        values, weights = [self.value[n] for n in names], [cotangent[n] for n in names]
        flat = [p for tree in self._leaves for p in tree.values()]
        found = iter(
            torch.autograd.grad(values, flat, weights, retain_graph=self._keep, allow_unused=True)
        )
        pulled = [{n: next(found) for n in tree} for tree in self._leaves]
        return tuple({n: g for n, g in tree.items() if g is not None} for tree in pulled)


def linearize(
    function: Callable[..., Tree], *primals: Tree, keep: bool = False
) -> tuple[dict[str, Tensor], Pull]:
    """The value of ``function``, off every tape, and its vector-Jacobian product.

    One evaluation serves both. The first product frees the tape, unless it is to ``keep`` for more.
    What need not be differentiated should be no primal: it is cheaper in a ``functools.partial``.
    """
    with torch.enable_grad():
        leaves = [{n: leaf(p) for n, p in tree.items()} for tree in primals]
        value = function(*leaves)
    return detach(value), Pull(value, leaves, keep=keep)


def value_and_grad(
    function: Callable[..., Tensor], *primals: Tree
) -> tuple[Tensor, tuple[dict[str, Tensor], ...]]:
    """A scalar function's value and its gradient with respect to each primal, as by :class:`Pull`.

    A name that is missing stands for zero.
    """
    value, pull = linearize(lambda *trees: {"": function(*trees)}, *primals)
    return value[""], pull({"": torch.ones_like(value[""])})


def vjp(
    function: Callable[..., Tree], cotangent: Tree, *primals: Tree
) -> tuple[dict[str, Tensor], ...]:
    """``cotangent @ d function / d primal`` for each primal.

    Cost: one evaluation and one backward pass; the tape is freed on return.
    """
    return tuple(map(filled, linearize(function, *primals)[1](cotangent), primals))
