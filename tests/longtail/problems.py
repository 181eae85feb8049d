"""Small weighted problems in float64: images of three classes, mini-batches by number."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from lazyleap.algorithms import weight_net
from lazyleap.bilevel import Batch
from lazyleap.training.outer import OuterOptions

OUTER = OuterOptions("adam", 0.01, "constant", None, 100)


@lru_cache
def batch(number: int, classes: int, size: int = 9) -> Batch:
    chance = torch.Generator().manual_seed(number)
    labels = torch.randint(classes, (size,), generator=chance)
    noise = torch.randn(size, 1, 16, 16, generator=chance, dtype=torch.float64)
    return Batch(noise + labels.double()[:, None, None, None], labels)


class Numbered:
    """A stream of such batches; any may be looked at."""

    def __init__(self, classes: int) -> None:
        self.classes = classes

    def __getitem__(self, number: int) -> Batch:
        return batch(number, self.classes)


def stream(classes: int) -> Any:
    return Numbered(classes)


def net_start() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {n: p.double() for n, p in weight_net.start(8).items()}
