"""A small setting of fields of hand-made images, and the same written in plain torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from lazyleap.datasets import store
from lazyleap.datasets.store import ImageSet, Prepared
from lazyleap.settings import Setting, load, resolve
from tests.conftest import ROOT

SIDE, WIDTH, LAYERS, W0, RATE = 8, 5, 2, 7.0, 0.02
OUTER = {"optimizer": "adam", "lr": 0.003, "schedule": "cosine", "clip_norm": 0.5}


def params(**run: Any) -> dict[str, Any]:
    """The smallest grid's parameters, smaller, with one run."""
    given = yaml.safe_load((ROOT / "grids/fields/params.yaml").read_text())
    given |= {"root": str(ROOT), "here": "", "grid": "small"}
    task = given["tasks"]["drawings"]
    task["draw"].update(validation_images=3, test_images=4)
    task["model"].update(layers=LAYERS, width=WIDTH, w0=W0)
    task["training"].update(meta_batch=3, meta_iterations=8, validate_every=3, log_every=1)
    task["test"].update(steps=[2, 6], curve_steps=6, pictures=2, shown=[0, 1, 3])
    given["algorithms"]["maml"].update(inner_lr=RATE, outer=OUTER)
    estimator = {"task": "drawings", "algorithm": "maml", "estimator": "exact", "horizon": 2}
    given["runs"] = {"run": {**estimator, "seed": 3, **run}}
    return given


def setting(folder: Path, given: dict[str, Any]) -> Setting:
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(given))
    return resolve(load(path), "run")


def images(seed: int, count: int, channels: int = 3, height: int = SIDE) -> ImageSet:
    """Smooth images, no two alike."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : SIDE * 1j]
    slope = chance.uniform(-2, 2, (count, channels, 3, 1, 1))
    waves = np.sin(slope[:, :, 0] * x + slope[:, :, 1] * y + slope[:, :, 2])
    pixels = np.clip(127.5 + 120 * waves, 0, 255).astype(np.uint8)
    return ImageSet(pixels, np.arange(count) % 2, ("one", "two"))


def prepared(folder: Path, **sets: ImageSet) -> Prepared:
    store.save(folder, sets, {"name": "handmade", "mean": [0.5], "std": [0.5]})
    return store.load(folder)


def field(p: dict[str, torch.Tensor], where: torch.Tensor) -> torch.Tensor:
    """The network as the paper writes it."""
    for i in range(LAYERS):
        where = torch.sin(W0 * (where @ p[f"body.{i}.weight"].T + p[f"body.{i}.bias"]))
    return where @ p["head.weight"].T + p["head.bias"]


def grid(height: int = SIDE, width: int = SIDE) -> torch.Tensor:
    """Rows and columns, pixel by pixel."""
    rows = [-1 + 2 * i / (height - 1) for i in range(height)]
    columns = [-1 + 2 * j / (width - 1) for j in range(width)]
    return torch.tensor([[r, c] for r in rows for c in columns], dtype=torch.float64)


def colours(image: np.ndarray) -> torch.Tensor:
    """``[n, C]`` in -1..1, pixel by pixel."""
    flat = image.reshape(len(image), -1).T.astype(np.float64)
    return torch.from_numpy(flat / 255 * 2 - 1)


def loss(p: dict[str, torch.Tensor], image: np.ndarray, rows=slice(None)) -> torch.Tensor:
    where = grid(*image.shape[1:])
    return (field(p, where[rows]) - colours(image)[rows]).pow(2).mean()


def fitted(p: dict[str, torch.Tensor], image: np.ndarray, steps: int, graph: bool = False):
    """After gradient descent on all pixels."""
    for _ in range(steps):
        p = {n: q if graph else q.detach().requires_grad_() for n, q in p.items()}
        found = torch.autograd.grad(loss(p, image), list(p.values()), create_graph=graph)
        p = {n: q - RATE * g for (n, q), g in zip(p.items(), found, strict=True)}
    return p
