"""Named tensors and their arithmetic. Functions take trees and return new ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

Tree = Mapping[str, Tensor]
"""Named tensors. Functions take trees and return new ones; nothing is written in place."""


def filled(tree: Tree, like: Tree) -> dict[str, Tensor]:
    """``tree`` with zeros where it lacks a name of ``like``."""
    return {n: tree[n] if n in tree else torch.zeros_like(p) for n, p in like.items()}


def copy(tree: Tree) -> dict[str, Tensor]:
    """The same numbers off every tape, in memory of their own."""
    return dict(zip(tree, torch._foreach_mul(list(detach(tree).values()), 1), strict=True))


def leaf(tensor: Tensor) -> Tensor:
    """The same numbers at the start of a tape of their own."""
    return tensor.detach().requires_grad_()


def detach(tree: Tree) -> dict[str, Tensor]:
    """The same numbers, off every tape: stop-gradient."""
    return {n: p.detach() for n, p in tree.items()}


def add(a: Tree, b: Tree, scale: float = 1.0) -> dict[str, Tensor]:
    """``a + scale * b``, name by name of ``a``."""
    pairs = list(a.values()), [b[n] for n in a]
    if _tensors(a):
        return dict(zip(a, torch._foreach_add(*pairs, alpha=scale), strict=True))
    if scale == -1:
        return {n: p - q for n, p, q in zip(a, *pairs, strict=True)}
    return {n: p + q * scale for n, p, q in zip(a, *pairs, strict=True)}


def subtract(a: Tree, b: Tree) -> dict[str, Tensor]:
    """``a - b``, name by name."""
    return add(a, b, -1.0)


def multiply(a: Tree, b: Tree) -> dict[str, Tensor]:
    """``a * b``, name by name of ``a``, number by number."""
    pairs = list(a.values()), [b[n] for n in a]
    if _tensors(a):
        return dict(zip(a, torch._foreach_mul(*pairs), strict=True))
    return {n: p * q for n, p, q in zip(a, *pairs, strict=True)}


def _tensors(tree: Tree) -> bool:
    """Whether one call for all will do; if not, an export writes these very formulas down."""
    return all(isinstance(p, Tensor) for p in tree.values()) and bool(tree)


def gather(a: Tree, b: Tree) -> dict[str, Tensor]:
    """``a + b``, where a name that is missing is zero."""
    return {**a, **b, **add({n: p for n, p in a.items() if n in b}, b)}


def zeros(a: Tree) -> dict[str, Tensor]:
    """A tree of zeros like ``a``."""
    return {n: torch.zeros_like(p) for n, p in a.items()}


def dot(a: Tree, b: Tree) -> Tensor:
    """The inner product over all names of ``a``, a scalar."""
    return torch.stack([(p * b[n]).sum() for n, p in a.items()]).sum()


def norm(a: Tree) -> Tensor:
    """The Euclidean norm over all names, a scalar."""
    length: Tensor = torch.stack(torch._foreach_norm(list(a.values()))).norm()
    return length


def not_finite(a: Tree) -> str | None:
    """The name of the first tensor that holds NaN or an infinity; None if there is none.

    Cost: one pass over ``a``, and one read from its device where all is well.
    """
    held = [p for p in a.values() if p.is_floating_point()]
    if bool(get_total_norm(held).isfinite()):
        return None  # else one is not finite, or has a square beyond its dtype
    return next((n for n, p in a.items() if not bool(p.isfinite().all())), None)
