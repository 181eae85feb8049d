"""Hand-made data and settings, and the real training loop run on them in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from lazyleap.datasets import store
from lazyleap.datasets.store import ImageSet, Prepared
from lazyleap.settings import Setting, load, resolve
from lazyleap.training.loop import Learner, Plan, Progress, fit
from tests.conftest import ROOT

CPU = torch.device("cpu")


@contextmanager
def float64() -> Iterator[None]:
    """Networks, images and theta in double precision."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def setting(folder: Path, task: str, run: dict[str, Any], change: Callable[[Any], None]) -> Setting:
    """One run of one of the project's own tasks, changed."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    change(params)
    params["runs"] = {"run": {"task": task, "seed": 3, **run}}
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    return resolve(load(path), "run")


def images(seed: int, counts: list[int], side: int = 16, names: str = "abcdefghijkl") -> ImageSet:
    """``counts[c]`` noisy images of class c, no two alike, classes in turn."""
    chance = np.random.default_rng(seed)
    labels = np.array([c for c, count in enumerate(counts) for _ in range(count)])
    pattern = chance.integers(0, 120, (len(counts), 1, side, side))
    noise = chance.integers(0, 130, (len(labels), 1, side, side))
    pixels = (pattern[labels] + noise).astype(np.uint8)
    return ImageSet(pixels, labels.astype(np.int64), tuple(names[: len(counts)]))


def prepared(folder: Path, **sets: ImageSet) -> Prepared:
    """The data as the prepare stage would leave them."""
    about = {"name": "handmade", "mean": [0.4], "std": [0.3]}
    store.save(folder, sets, about)
    return store.load(folder)


def seen(images: ImageSet, info: dict[str, Any]) -> torch.Tensor:
    """What a network sees of them, ``[N, C, H, W]``."""
    mean, std = (np.array(info[key])[:, None, None] for key in ("mean", "std"))
    return torch.from_numpy((np.array(images.images) / 255 - mean) / std)


class Quiet:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.stored: list[int] = []

    def log(self, iteration: int, metrics: dict[str, float]) -> None:
        self.logged.append((iteration, metrics))

    def tick(self, progress: Progress, metrics: dict[str, float]) -> None:
        pass

    def store(self, progress: Progress, state: dict[str, Any]) -> None:
        self.stored.append(progress.iteration)


def trained(learner: Learner, setting: Setting, keep: str) -> Progress:
    """The real loop, to its end."""
    options = setting.task.training
    plan = Plan(setting.meta_iterations, options.log_every, options.validate_every, keep)
    return fit(learner, plan, Progress(), Quiet())
