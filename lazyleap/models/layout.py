"""Channels last: the order of images and kernels in memory that convolutions are quickest at.

Values do not depend on it. Whatever computes with a tensor laid out so gives one laid out so.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lazyleap.trees import Tree


def channels_last(tensor: Tensor) -> Tensor:
    """The same numbers; where they are ``[n, C, H, W]``, those of one place side by side.

    Of one channel both orders are the same bytes, and torch takes the wrong one for granted: there
    only the strides can tell.
    """
    if tensor.dim() != 4:
        return tensor
    if tensor.shape[1] == 1:
        found: Tensor = as_last(tensor.contiguous())
        return found
    return tensor.contiguous(memory_format=torch.channels_last)


def as_last(inputs: Any) -> Any:
    """Images of one channel by the strides of channels last, a view; all else as it is.

    So images in torch's usual order cost no copy and are as quick. Those of several channels, too,
    convolutions take in either order, but they copy them.
    """
    if not isinstance(inputs, Tensor) or inputs.dim() != 4 or inputs.shape[1] != 1:
        return inputs
    if inputs.stride(1) == 1 or not inputs.is_contiguous():
        return inputs
    return inputs.squeeze(1).unsqueeze(-1).permute(0, 3, 1, 2)


def flat(tree: Tree, batch_dims: int = 0) -> Tensor:
    """All numbers of a tree one after the other, ``[total]``, in the order that they are laid out.

    One call then does for all tensors what else takes one each. ``batch_dims``: leading dimensions
    that stay, ``[..., total]``.
    """
    return torch.cat([_innermost(p, batch_dims).flatten(batch_dims) for p in tree.values()], dim=-1)


def shaped(numbers: Tensor, like: Tree, batch_dims: int = 0) -> dict[str, Tensor]:
    """The tree of :func:`flat`'s ``numbers``, views of them, with names and shapes of ``like``."""
    parts = numbers.split_with_sizes([p.shape[batch_dims:].numel() for p in like.values()], dim=-1)
    return {
        n: _channels_second(part.view(_innermost(p, batch_dims).shape), batch_dims)
        for part, (n, p) in zip(parts, like.items(), strict=True)
    }


def chosen(alive: Tensor, new: Tree, old: Tree) -> dict[str, Tensor]:
    """``new`` where ``alive``, a scalar on the device, else ``old``: two calls for each dtype."""
    found = dict(new)
    for dtype in {p.dtype for p in new.values()}:
        part = {n: p for n, p in new.items() if p.dtype == dtype}
        numbers = torch.where(alive, flat(part), flat({n: old[n] for n in part}))
        found |= shaped(numbers, part)
    return found


def _innermost(tensor: Tensor, batch_dims: int) -> Tensor:
    """Channels last in the shape, too, after ``batch_dims`` leading dimensions."""
    return tensor.movedim(batch_dims + 1, -1) if tensor.dim() == batch_dims + 4 else tensor


def _channels_second(tensor: Tensor, batch_dims: int) -> Tensor:
    """The inverse of :func:`_innermost`."""
    return tensor.movedim(-1, batch_dims + 1) if tensor.dim() == batch_dims + 4 else tensor
