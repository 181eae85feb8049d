"""Bytes of tensors that are alive, by torch's own storages: what no allocator adds to or hides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Alive(TorchDispatchMode):
    """``peak``: the most that results of operations held at a time, those of a backward, too."""

    def __init__(self) -> None:
        super().__init__()
        self.peak: int = 0
        self._held: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do it, and count what is there after it."""
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self._held[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self._held = {key: one for key, one in self._held.items() if not one[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._held.values()))
        return out


def peak(call: Callable[[], Any]) -> int:
    """Bytes that a call holds at most of what it makes itself."""
    alive = Alive()
    with alive:
        call()
    return alive.peak
