"""A step that is differentiated twice: what torch must do for it, and what it cannot.

Every estimator but first-order ones differentiates a gradient. Two things may stand in its way:

- An operation without a second derivative. Attention has one on torch's "maths" path alone, so
  that path is taken. Others make torch raise; here that becomes a sentence.
- A ``torch.autograd.Function`` marked ``once_differentiable``, which torch drops without a word:
  the gradient would lack its curvature. It leaves a mark in the graph, which is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakValueDictionary

from torch.autograd.graph import Node
from torch.nn.attention import SDPBackend, sdpa_kernel

from lazyleap.bilevel import Bilevel
from lazyleap.errors import InputError
from lazyleap.trees import Tree

ADVICE = "write that layer of other operations, or take FirstOrder or Reptile, which need none"
_in_order: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Classes, networks and losses that have been looked at, by id: not all of them have a hash."""


@contextmanager
def differentiated_twice() -> Iterator[None]:
    """Within, attention can be differentiated twice; what cannot be raises an InputError."""
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    except RuntimeError as error:
        missing = re.search(r"derivative for '?(?:aten::)?_?(\w+)'? is not implemented", str(error))
        if not missing:
            raise
        advice = ADVICE
        if "cudnn" in missing[1]:
            advice = "turn cuDNN off for it, torch.backends.cudnn.flags(enabled=False)"
        name = missing[1].removesuffix("_backward")
        raise InputError(f"torch has no second derivative of '{name}': {advice}") from error


def check_twice(problem: Bilevel, value: Tree) -> None:
    """Refuse a step whose ``value``, in the graph, lacks a part of its derivative.

    Cost: one walk over the graph of the first step of a network and a loss; none afterwards.

    Raises:
        InputError: if a part of it can be differentiated but once.
    """
    parts = [getattr(problem, name) for name in ("forward", "loss") if hasattr(problem, name)]
    made_of = [type(problem), *(parts or [problem])]
    if all(_in_order.get(id(part)) is part for part in made_of):
        return
    if any(node.name() == "torch::autograd::Error" for node in _graph(value)):
        raise InputError(
            "an autograd function of the inner loss is marked once_differentiable, and torch would "
            f"leave its second derivative out: {ADVICE}"
        )
    for part in made_of:
        with suppress(TypeError):  # no weak reference to it: looked at every time
            _in_order[id(part)] = part


def _graph(value: Tree) -> set[Node]:
    """All that ``value`` was computed by."""
    waiting = [p.grad_fn for p in value.values()]
    seen: set[Node] = set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [before for before, _ in node.next_functions]
    return seen
