"""Chance in a forward pass: a step that is taken twice draws the same numbers twice.

Dropout and its like draw from torch's global generators: the CPU's, and one of each device. The
student's step and the teacher's are one step only where both draw the same, so the state of the
generators before a step that the teacher will take again is kept: about 5 KB on the CPU and 16
bytes a GPU, and nothing where the step drew nothing.

What draws elsewhere (a ``torch.Generator`` of the module's own, numpy, cuDNN's recurrent dropout)
cannot be drawn again. :func:`check_same` finds it out by its results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from lazyleap.errors import InputError
from lazyleap.trees import Tree, subtract

State = Mapping[torch.device, Tensor]
"""The state of each generator; empty where there is nothing to draw again."""

CPU = torch.device("cpu")


def state(tree: Tree) -> dict[torch.device, Tensor]:
    """The state of the generators that a forward pass over ``tree`` may draw from."""
    devices = {CPU, *(p.device for p in tree.values())} - {torch.device("meta")}
    return {device: _get(device) for device in devices}


def drawn(before: State) -> State:
    """``before``, if a generator has moved since."""
    moved = any(not torch.equal(old, _get(device)) for device, old in before.items())
    return before if moved else {}


def rewind(to: State) -> None:
    """Set the generators to ``to``."""
    for device, old in to.items():
        if device == CPU:
            torch.set_rng_state(old)
        else:
            torch.get_device_module(device).set_rng_state(old, *_which(device))


@contextmanager
def replayed(chance: State) -> Iterator[None]:
    """Draw again what was drawn from ``chance`` on; afterwards go on as if nothing had been."""
    now = {device: _get(device) for device in chance}
    rewind(chance)
    try:
        yield
    finally:
        rewind(now)


def check_same(again: Tree, reached: Tree, point: Tree) -> None:
    """Refuse a step from ``point`` that now ends elsewhere than where it ended before.

    Rounding is let through: what differs by a few thousandths of the step in float32. Cost: a
    pass over the parameters where nothing differs. On a GPU nothing is read, so that nothing waits
    for it.

    Raises:
        InputError: if the two are not one step.
    """
    if {p.device for p in reached.values()} != {CPU}:
        return
    if all(torch.equal(p, reached[n]) for n, p in again.items()):
        return
    gap, step, size = map(_norm, (subtract(again, reached), subtract(reached, point), reached))
    eps = torch.finfo(next(iter(reached.values())).dtype).eps
    if gap > 10 * eps**0.5 * step + 100 * eps * size:
        raise InputError(
            f"a step taken twice ends in two places ({gap / step:.2g} of its length apart): the "
            "forward pass draws from a generator of its own or changes what it reads; let it draw "
            "from torch's global generators, or take Unrolled, which takes each step once"
        )


def _norm(tree: Tree) -> float:
    return float(get_total_norm(list(tree.values())))


def _get(device: torch.device) -> Tensor:
    if device == CPU:
        return torch.get_rng_state()
    found: Tensor = torch.get_device_module(device).get_rng_state(*_which(device))
    return found


def _which(device: torch.device) -> tuple[torch.device, ...]:
    return () if device.type == "mps" else (device,)  # Apple's has one, and takes no name
