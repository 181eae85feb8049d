"""A made-up grid on disk: the files the stages would leave, with invented numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from lazyleap.settings import load, resolve
from stages import folders


def task(way: int = 5, reader: str = "omniglot") -> dict[str, Any]:
    return {
        "kind": "fewshot",
        "dataset": {"reader": reader, "source": "data/raw/omniglot", "splits": "s", "size": 28},
        "draw": {"way": way, "shot": 1, "query": 5, "validation_episodes": 60}
        | {"test_episodes": 600, "seed": 0},
        "model": {"backbone": "conv4", "width": 32, "norm": "batch", "downsample": "stride"},
        "training": {"way": way, "shot": 1, "query": 3, "meta_batch": 4, "meta_iterations": 300}
        | {"validate_every": 100, "log_every": 10},
        "test": {"steps": [1, 5], "curve_episodes": 100, "curve_steps": 50},
    }


def algorithm() -> dict[str, Any]:
    outer = {"optimizer": "adam", "lr": 0.003, "schedule": "cosine", "clip_norm": 10.0}
    return {"inner_lr": 0.1, "momentum": 0.0, "outer": outer}


def run(
    estimator: str, horizon: int, algorithm: str = "maml", seed: int = 0, **more: Any
) -> dict[str, Any]:
    base = {"task": "omni", "algorithm": algorithm, "estimator": estimator, "horizon": horizon}
    return {**base, "seed": seed, **more}


def many() -> dict[str, dict[str, Any]]:
    """Ten settings as in the default grid, one of them with three seeds."""
    start: dict[str, Any] = {"placement": "start"}
    lazy = {f"maml-lazy-k{k}": run("lazy", k, **start) for k in (5, 10, 20)}
    seeds = {f"maml-lazy-k10-s{s}": run("lazy", 10, seed=s, **start) for s in (1, 2)}
    return {
        "maml-exact-k1": run("exact", 1),
        "maml-exact-k5": run("exact", 5),
        "maml-first-order-k10": run("first_order", 10),
        **lazy,
        **seeds,
        "maml-lazy-end-k10": run("lazy", 10, placement="end"),
        "maml-lazy-3leaps-k20": run("lazy", 20, leaps=3, **start),
        "meta-sgd-lazy-k10": run("lazy", 10, "meta_sgd", **start),
        "anil-lazy-k10": run("lazy", 10, "anil", **start),
    }


def write_params(root: Path, runs: dict[str, dict[str, Any]], **tasks: dict[str, Any]) -> Path:
    estimators = {name: {} for name in ("first_order", "exact", "unrolled", "reptile")}
    settings = {"root": ".", "here": "", "grid": "toy", "threads": 1, "device": "cpu"}
    blocks = {
        "tasks": tasks or {"omni": task()},
        "algorithms": {name: algorithm() for name in ("maml", "meta_sgd", "anil")},
        "estimators": {**estimators, "lazy": {"leaps": 1, "lam": 1.0}},
        "surrogates": {},
        "targets": {},
        "runs": runs,
    }
    path = root / "params.yaml"
    path.write_text(yaml.safe_dump({**settings, **blocks}, sort_keys=False))
    return path


def write_run(root: Path, name: str, accuracy: float, cpu: float = 50.0, **record: Any) -> None:
    """All files of one run; accuracies after 1 and 5 steps are lower by a little."""
    setting = resolve(load(root / "params.yaml"), name)
    primary = f"accuracy@{setting.horizon}"
    lower = {f"accuracy@{s}": accuracy - 0.02 / s for s in (1, 5) if s != setting.horizon}
    scores = {key: {"value": v, "ci95": 0.006, "n": 600} for key, v in lower.items()}
    scores[primary] = {"value": accuracy, "ci95": 0.006, "n": 600}
    plain = {key: getattr(setting, key) for key in ("algorithm", "estimator", "horizon", "seed")}
    lazy = {key: getattr(setting, key) for key in ("leaps", "placement", "lam")}
    metrics = {"run": name, "grid": "toy", "task": setting.task_name, "kind": "fewshot"}
    metrics |= {"dataset": "omniglot", **plain, **lazy, "metrics": scores}
    metrics |= {"primary": primary, "test_digest": "ab" * 32}
    _json(root / folders.evaluated("toy", name) / "metrics.json", metrics)
    _json(root / folders.record("toy", name) / "record.json", _record(setting, cpu) | record)
    parity = {"max_abs_diff": 2.4e-6, "tolerance": 1e-4, "ok": True}
    _json(root / folders.exported("toy", name) / "parity.json", parity)
    rows = [f"{s},{0.2 if s == 0 else accuracy - 0.1 / s:.4f},0.015" for s in range(51)]
    curve = root / folders.evaluated("toy", name) / "curve.csv"
    curve.write_text("step,accuracy,ci95\n" + "\n".join(rows) + "\n")


def write_grid(root: Path, runs: dict[str, dict[str, Any]] | None = None) -> Path:
    """A grid of :func:`many` runs with results but for the last, which is missing."""
    names = list(runs := runs or many())
    path = write_params(root, runs)
    for index, name in enumerate(names[:-1]):
        horizon = runs[name]["horizon"]
        accuracy = 0.74 + 0.013 * ((7 * index) % len(names)) - 0.001 * horizon
        write_run(root, name, accuracy, cpu=30.0 + 2.7 * horizon + 4 * index)
    return path


def _record(setting: Any, cpu: float) -> dict[str, Any]:
    return {
        "meta_iterations": setting.meta_iterations,
        "train_cpu_seconds": cpu,
        "train_wall_seconds": cpu * 1.1,
        "peak_memory_mib": 400.0 + 3 * setting.horizon,
        "device": "cpu",
        "hardware": "an invented processor",
        "python": "3.11.0",
        "torch": "2.13.0",
        "threads": 1,
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "dirty": False,
        "seed": setting.seed,
        "resumed": False,
        "command": f"python -m stages.train --params params.yaml {setting.name}",
        "best_iteration": 300,
        "best_validation": 0.8,
    }


def _json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
