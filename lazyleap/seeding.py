"""Named random generators: each use of chance has its own stream, addressed and never carried."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def generator(seed: int, *name: str | int) -> np.random.Generator:
    """The stream ``name`` of ``seed``, e.g. ``generator(0, "episodes", 17)``.

    Addressed by name and number instead of drawn from in turn: what iteration 17 sees depends on
    nothing that happened before it, so a resumed run and an uninterrupted one are the same run.
    """
    key = hashlib.sha256("/".join([str(seed), *map(str, name)]).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key, "little")))


def seed_torch(seed: int, *name: str | int) -> None:
    """Seed torch's global stream (which initialises networks) from a named one."""
    torch.manual_seed(int(generator(seed, *name).integers(2**62)))
