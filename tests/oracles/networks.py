"""Networks as plain functions of named tensors, layer by layer; nothing of lazyleap's.

Normalisation is written out: torch's batching rules for it have wrong second derivatives.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

Params = dict[str, Tensor]
EPS = 1e-5


def moments(x: Tensor, over: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean and biased variance."""
    mean = x.mean(over, keepdim=True)
    return mean, ((x - mean) ** 2).mean(over, keepdim=True)


def affine(p: Params, name: str, x: Tensor) -> Tensor:
    return x * p[f"{name}.weight"][:, None, None] + p[f"{name}.bias"][:, None, None]


def batch_norm(p: Params, name: str, x: Tensor) -> Tensor:
    """By the statistics of the batch at hand."""
    mean, variance = moments(x, (0, 2, 3))
    return affine(p, name, (x - mean) / (variance + EPS).sqrt())


def running_norm(p: Params, name: str, x: Tensor) -> Tensor:
    """By running statistics."""
    mean, variance = (p[f"{name}.running_{what}"][:, None, None] for what in ("mean", "var"))
    return affine(p, name, (x - mean) / (variance + EPS).sqrt())


def group_norm(p: Params, name: str, x: Tensor) -> Tensor:
    """One group: each image by itself."""
    mean, variance = moments(x, (1, 2, 3))
    return affine(p, name, (x - mean) / (variance + EPS).sqrt())


def convolution(p: Params, name: str, x: Tensor, stride: int = 1) -> Tensor:
    return functional.conv2d(x, p[f"{name}.weight"], p.get(f"{name}.bias"), stride, padding=1)


def conv4(p: Params, x: Tensor, norm=batch_norm, seen=None) -> Tensor:
    """Four strided blocks and a head; ``seen`` is told what each normalisation is given."""
    for i in (1, 2, 3, 4):
        x = convolution(p, f"body.block{i}.conv", x, 2)
        if seen is not None:
            seen(f"body.block{i}.norm", x.detach())
        x = norm(p, f"body.block{i}.norm", x).clamp(min=0)
    x = x.reshape(len(x), -1)
    if "head.bias" in p:
        return x @ p["head.weight"].T + p["head.bias"]
    w = p["head.weight"]  # a cosine head
    unit = x / (x**2).sum(1, keepdim=True).sqrt().clamp(min=1e-12)
    return unit @ (w / (w**2).sum(1, keepdim=True).sqrt().clamp(min=1e-12)).T


def predictor(p: Params, x: Tensor) -> Tensor:
    """Down, down, across; up, up; out."""

    def block(name: str, x: Tensor, stride: int = 1) -> Tensor:
        return group_norm(p, f"{name}.norm", convolution(p, f"{name}.conv", x, stride)).clamp(min=0)

    def larger(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    x = block("encoder.down1", x, 2)
    x = block("encoder.down2", x, 2)
    x = block("encoder.middle", x)
    x = block("decoder.block1", larger(x))
    x = block("decoder.block2", larger(x))
    return convolution(p, "head", x)


def mlp(p: Params, x: Tensor) -> Tensor:
    """Two hidden layers, of pixels in 0..1, with the normalisation in it."""
    x = ((x - p["mean"]) / p["std"]).reshape(len(x), -1)
    for i in (1, 3):
        x = (x @ p[f"network.{i}.weight"].T + p[f"network.{i}.bias"]).clamp(min=0)
    return x @ p["network.5.weight"].T + p["network.5.bias"]


def cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """``[n]``."""
    own = logits.gather(1, labels[:, None])[:, 0]
    return torch.logsumexp(logits, 1) - own


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropies(logits, labels).mean()


def squared_error(found: Tensor, wanted: Tensor) -> Tensor:
    return ((found - wanted) ** 2).sum() / wanted.numel()


def cosine_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """The mean of one less the cosine, an image at a time."""
    pairs = [(a.reshape(-1), b.reshape(-1)) for a, b in zip(found, wanted, strict=True)]
    cosines = [a @ b / ((a @ a).sqrt() * (b @ b).sqrt()) for a, b in pairs]
    return 1 - torch.stack(cosines).mean()
