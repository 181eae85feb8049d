"""What a gradient predictor learns, and how well it does, one image at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.oracles.episodes import adapted
from tests.oracles.networks import squared_error
from tests.reference import Params, Plain


def slope(logits: Callable[[Tensor], Tensor], image: Tensor, label: int, targeted: bool) -> Tensor:
    """Gradient of ``log p_true - max_other log p`` (targeted: its negative), largest entry 1."""
    leaf = image.clone().requires_grad_()
    scores = logits(leaf[None])[0]
    logs = scores - torch.logsumexp(scores, 0)
    others = torch.stack([v for c, v in enumerate(logs) if c != label])
    margin = logs[label] - others.max()
    (found,) = torch.autograd.grad(-margin if targeted else margin, leaf)
    return found / found.abs().max()


def cosine(plain: Plain, theta: Params, task: Any, steps: int) -> float:
    """Mean over images of the cosine between map and gradient after so many steps."""
    maps = plain.network(adapted(plain, theta, task, steps), task.outer.inputs)
    each = [
        float((a * b).sum() / (a.norm() * b.norm()))
        for a, b in zip(maps, task.outer.targets, strict=True)
    ]
    return sum(each) / len(each)


def error(plain: Plain, theta: Params, task: Any, steps: int) -> float:
    """Mean squared error of the maps after so many steps."""
    maps = plain.network(adapted(plain, theta, task, steps), task.outer.inputs)
    return float(squared_error(maps, task.outer.targets))
