"""A made-up grid of long-tailed runs on disk, with invented numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from torch.utils.tensorboard import SummaryWriter

from lazyleap.longtail.evaluation import measure
from lazyleap.longtail.profile import profile
from lazyleap.settings import load, resolve
from stages import folders
from tests.report.grid import _json, _record

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SETTINGS: dict[str, dict[str, Any]] = {
    "cross-entropy": {"algorithm": "cross_entropy", "estimator": "none", "horizon": 1},
    "class-balanced": {"algorithm": "class_balanced", "estimator": "none", "horizon": 1},
    "ldam-drw": {"algorithm": "ldam_drw", "estimator": "none", "horizon": 1},
    "reweight-exact-k1": {"algorithm": "reweight", "estimator": "exact", "horizon": 1},
    "reweight-lazy-k5": {"algorithm": "reweight", "estimator": "lazy", "horizon": 5}
    | {"placement": "end"},
    "reweight-lazy-k5-first": {"algorithm": "reweight", "estimator": "lazy", "horizon": 5}
    | {"placement": "start", "weighted_step": "first"},
    "reweight-lazy-k10": {"algorithm": "reweight", "estimator": "lazy", "horizon": 10}
    | {"placement": "end"},
    "weight-net-exact-k1": {"algorithm": "weight_net", "estimator": "exact", "horizon": 1},
    "weight-net-lazy-k5": {"algorithm": "weight_net", "estimator": "lazy", "horizon": 5}
    | {"placement": "end"},
}
ACCURACY = (0.60, 0.62, 0.66, 0.64, 0.70, 0.65, 0.72, 0.65, 0.66)


def task(reader: str = "cifar-10", imbalance: float | None = 100) -> dict[str, Any]:
    training = {"batch": 100, "meta_batch": 100, "meta_iterations": 620, "lr": 0.1}
    training |= {"momentum": 0.9, "weight_decay": 0.0005, "warmup": 0.1, "decay": 0.1}
    training |= {"milestones": [0.8, 0.9], "augment": {"flip": True, "pad": 4}, "start": None}
    dataset = {"reader": reader, "source": f"data/raw/{reader}"}
    if reader == "mnist":
        dataset = {"reader": "mnist", "source": "data/raw/mnist"}
    return {
        "kind": "longtail",
        "dataset": dataset,
        "draw": {"imbalance": imbalance, "meta_per_class": 10, "seed": 0},
        "model": {"backbone": "resnet8", "width": 8, "norm": "batch", "downsample": "stride"},
        "training": training | {"validate_every": 124, "log_every": 10},
        "test": {"many": 100, "few": 60, "bins": 15},
    }


def write_params(root: Path, runs: dict[str, dict[str, Any]], options: dict[str, Any]) -> Path:
    weighting = {"inner_lr": 0.1, "weighted_step": "last", "mean_decay": 0.9}
    outer = {"optimizer": "adam", "lr": 0.001, "schedule": "constant", "clip_norm": None}
    balanced = {"mean_decay": 0.9, "beta": 0.9999}
    content = {"root": ".", "here": "", "grid": "toy", "threads": 1, "device": "cpu"}
    content |= {"surrogates": {}, "targets": {}}
    content |= {
        "tasks": {"cifar": options},
        "algorithms": {
            "reweight": weighting | {"patience": 50},
            "weight_net": weighting | {"hidden": 100, "outer": outer},
            "cross_entropy": {"mean_decay": 0.9},
            "class_balanced": balanced,
            "ldam_drw": balanced | {"margin": 0.5, "scale": 30.0, "deferred": 0.8},
        },
        "estimators": {"lazy": {"leaps": 1, "lam": 1.0}, "exact": {}, "none": {}},
        "runs": {name: {"task": "cifar", "seed": 0} | run for name, run in runs.items()},
    }
    path = root / "params.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def write_run(root: Path, name: str, accuracy: float, cpu: float = 500.0, n: int = 200) -> None:
    """One run with about this accuracy, ``n`` test images a class; the tail does worse."""
    setting = resolve(load(root / "params.yaml"), name)
    counts = profile(4990, setting.task.draw.imbalance or 1, len(CIFAR))
    chance = np.random.default_rng([setting.seed, len(name)])
    labels = np.arange(len(CIFAR)).repeat(n)
    right = chance.random(len(labels)) < accuracy + 0.25 - 0.055 * labels
    found = np.where(right, labels, chance.integers(0, len(CIFAR), len(labels)) * 3 // 4)
    logits = 4.0 * np.eye(len(CIFAR))[found]
    metrics = measure(logits, labels, counts, **setting.task.test.model_dump())
    keys = ("algorithm", "estimator", "horizon", "leaps", "placement", "lam", "weighted_step")
    metrics |= {key: getattr(setting, key) for key in (*keys, "seed")}
    metrics |= {"run": name, "grid": "toy", "task": setting.task_name, "kind": "longtail"}
    metrics |= {"dataset": "cifar-10", "primary": "error", "test_digest": "cd" * 32}
    metrics |= {"classes": list(CIFAR), "train_images": counts.tolist(), "imbalance": 100.0}
    _json(root / folders.evaluated("toy", name) / "metrics.json", metrics)
    record = root / folders.record("toy", name)
    _json(record / "record.json", _record(setting, cpu))
    writer = SummaryWriter(str(record / "tensorboard"))
    for c in range(len(CIFAR)):
        weight = 1.0 if setting.estimator == "none" else 0.5 * 1.35**c
        writer.add_scalar(f"class_weight/{c:03d}", weight, 620)
    writer.close()


def write_grid(root: Path, seeds: int = 2, **options: Any) -> Path:
    """Every setting with some seeds."""
    runs = {f"{n}-s{s}": run | {"seed": s} for s in range(seeds) for n, run in SETTINGS.items()}
    path = write_params(root, runs, task(**options))
    for (name, run), accuracy in zip(runs.items(), seeds * ACCURACY, strict=True):
        write_run(root, name, accuracy + 0.004 * run["seed"], cpu=300 + 60.0 * run["horizon"])
    return path
