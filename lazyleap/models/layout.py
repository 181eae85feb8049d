"""Channels last: the order of images and kernels in memory that convolutions are quickest at.

Values do not depend on it. Whatever computes with a tensor laid out so gives one laid out so.
"""

from __future__ import annotations

import torch
from torch import Tensor


def channels_last(tensor: Tensor) -> Tensor:
    """The same numbers; where they are ``[n, C, H, W]``, those of one place side by side.

    Of one channel both orders are the same bytes, and torch takes the wrong one for granted: there
    only the strides can tell.
    """
    if tensor.dim() != 4:
        return tensor
    _, channels, height, width = tensor.shape
    if channels == 1:
        return tensor.contiguous().as_strided(tensor.shape, (height * width, 1, width, 1))
    return tensor.contiguous(memory_format=torch.channels_last)
