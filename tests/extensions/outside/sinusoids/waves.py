"""Sinusoids: drawn, stored, and turned into inner problems."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lazyleap import Batch, Task
from lazyleap.datasets import indices


@dataclass(frozen=True)
class Waves:
    """``shape [n, 2]``: amplitude and phase; ``x [n, 2, points]``: where to learn, and to judge."""

    shape: np.ndarray
    x: np.ndarray

    @property
    def digest(self) -> str:
        return indices.digest(self.shape, self.x)

    def save(self, path: Path) -> None:
        np.savez(path, shape=self.shape, x=self.x)

    @staticmethod
    def load(path: Path) -> Waves:
        with np.load(path) as file:
            return Waves(file["shape"], file["x"])

    def tasks(self, horizon: int) -> list[Task]:
        amplitude, phase = self.shape.T[:, :, None, None]
        y = amplitude * np.sin(self.x - phase)
        parts = torch.tensor(np.stack([self.x, y]), dtype=torch.get_default_dtype())[..., None]
        pairs = [
            [Batch(*part) for part in zip(*both, strict=True)] for both in zip(*parts, strict=True)
        ]
        return [Task([learn] * horizon, judge) for learn, judge in pairs]


def draw(count: int, points: int, chance: np.random.Generator) -> Waves:
    shape = chance.uniform([0.1, 0], [5, np.pi], (count, 2))
    return Waves(shape, chance.uniform(-5, 5, (count, 2, points)))
