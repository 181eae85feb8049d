"""A made-up grid of attacks on disk, with invented numbers that the attack's own code measured."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from lazyleap.attack.attempt import Outcome
from lazyleap.attack.campaign import Fall, curve, summary, triplets
from lazyleap.settings import Setting, load, resolve
from stages import folders
from stages.reporting import compare
from stages.reporting.compare import Group
from stages.reporting.inputs import collect
from tests.report.grid import _json, _record

PREDICTOR = {"algorithm": "meta_attack"}
SETTINGS: dict[str, dict[str, Any]] = {
    **{
        f"lazy-k{k}": PREDICTOR | {"estimator": "lazy", "horizon": k, "placement": "start"}
        for k in (1, 5, 20)
    },
    **{f"reptile-k{k}": PREDICTOR | {"estimator": "reptile", "horizon": k} for k in (1, 5, 20)},
    "exact-k5": PREDICTOR | {"estimator": "exact", "horizon": 5},
    **{
        name.replace("_", "-"): {"algorithm": name, "estimator": "none", "horizon": 1}
        for name in ("zoo", "square", "random_direction")
    },
}
SPEED = (260, 240, 190, 420, 300, 200, 280, 1400, 350, 900)  # mean queries, about
SURROGATES = ("small-mlp", "small-lenet")
TARGETS = ("held-resnet8", "own")
IMAGES, BUDGET = 40, 2000
CLASSIFIER = {"task": "digits", "source": "lazyleap/models", "width": 8, "epochs": 2, "batch": 8}
CLASSIFIER |= {"lr": 0.01, "seed": 0}


def task(reader: str = "mnist", **test: Any) -> dict[str, Any]:
    training = {"goal": "untargeted", "images": 100, "support": 8, "query": 8, "meta_batch": 2}
    training |= {"meta_iterations": 300, "validation_tasks": 2, "validate_every": 100}
    dataset = {"reader": reader, "source": f"data/raw/{reader}"}
    return {
        "kind": "attack",
        "dataset": dataset,
        "draw": {"images": 60, "held_out": 50, "seed": 0},
        "model": {"width": 8},
        "training": training | {"log_every": 10},
        "test": {"goal": "untargeted", "norm": "l2", "epsilon": 3.0, "budget": BUDGET}
        | {"images": IMAGES, "curve_points": 60, "resamples": 100, "triplets": 4}
        | test,
    }


def algorithms() -> dict[str, Any]:
    search = {"every": 5, "coordinates": 20, "width": 0.02, "finetune_steps": 5, "step": 0.5}
    search |= {"finetune_lr": 0.02, "keep_measured": False, "copies": 64}
    given = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
    search |= given["algorithms"]["meta_attack"]["search"]  # all keys that there are
    outer = {"optimizer": "adam", "lr": 0.01, "schedule": "cosine", "clip_norm": None}
    return {
        "meta_attack": {"inner_lr": 0.02, "momentum": 0.0, "outer": outer, "search": search},
        **{name: given["algorithms"][name] for name in ("zoo", "square", "random_direction")},
    }


def write_params(
    root: Path, runs: dict[str, dict[str, Any]], options: dict[str, Any] | None = None
) -> Path:
    own = {"kind": "onnx", "task": "digits", "source": "own.onnx", "input": "x", "classes": 10}
    own |= {"mean": [0.0], "std": [1.0], "outputs": "logits"}
    content = {"root": ".", "here": "", "grid": "toy", "threads": 1, "device": "cpu"}
    content |= {
        "tasks": {"digits": options or task()},
        "surrogates": {n: CLASSIFIER | {"architecture": n[6:]} for n in SURROGATES},
        "targets": {
            TARGETS[0]: CLASSIFIER | {"kind": "trained", "architecture": "resnet8", "seed": 1},
            TARGETS[1]: own,
        },
        "algorithms": algorithms(),
        "estimators": {"lazy": {"leaps": 1, "lam": 1.0}, "exact": {}, "reptile": {}, "none": {}},
        "runs": {name: {"task": "digits", "seed": 0} | run for name, run in runs.items()},
    }
    path = root / "params.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def write_run(root: Path, name: str, speed: float = 300, cpu: float = 50.0) -> None:
    """One run that needs about ``speed`` queries an image; an eighth of the images withstand."""
    setting = resolve(load(root / "params.yaml"), name)
    falls = [_fall(setting, target, speed) for target in TARGETS]
    options = setting.task.test
    keys = ("algorithm", "estimator", "horizon", "leaps", "placement", "lam", "weighted_step")
    metrics = summary(falls, options, setting.seed) | {"test_digest": "ef" * 32}
    metrics |= {key: getattr(setting, key) for key in (*keys, "seed")}
    metrics |= {"run": name, "grid": "toy", "task": "digits", "kind": "attack", "dataset": "mnist"}
    folder = root / folders.evaluated("toy", name)
    _json(folder / "metrics.json", metrics)
    with (folder / "curve.csv").open("w", newline="") as file:
        csv.writer(file).writerows(curve(falls, options))
    (folder / "pictures").mkdir()
    for target, array in triplets(falls, options.triplets).items():
        np.save(folder / "pictures" / f"{target}.npy", array)
    learned = {"best_validation": 0.31} if setting.meta_iterations else {"best_validation": None}
    cpu = cpu if setting.meta_iterations else 0.0
    _json(root / folders.record("toy", name) / "record.json", _record(setting, cpu) | learned)


def write_surrogates(root: Path) -> None:
    for name in SURROGATES:
        about = {"architecture": name[6:], "accuracy": {"value": 0.95, "ci95": 0.02, "n": 50}}
        about |= {"accuracy_of": "training images held out from every surrogate"}
        _json(root / folders.surrogate("toy", "digits", name) / "classifier.json", about)


def write_grid(root: Path, seeds: int = 1, **options: Any) -> Path:
    """Every setting with some seeds."""
    runs = {f"{n}-s{s}": run | {"seed": s} for s in range(seeds) for n, run in SETTINGS.items()}
    path = write_params(root, runs, task(**options))
    for (name, run), speed in zip(runs.items(), seeds * SPEED, strict=True):
        write_run(root, name, speed + 5 * run["seed"], cpu=30 + 6.0 * run["horizon"])
    write_surrogates(root)
    return path


def groups(
    root: Path, needs: dict[str, tuple[dict[str, Any], float]], half: float = 30.0
) -> list[Group]:
    """Settings whose runs need exactly so many queries, each +- ``half``."""
    write_params(root, {name: run for name, (run, _) in needs.items()})
    for name, (_, queries) in needs.items():
        write_run(root, name)
        edit(root, name, queries_mean_all={"value": queries, "ci95": 30.0, "n": 80})
    return compare.grouped(collect(load(root / "params.yaml"))[0])


def edit(root: Path, name: str, **metrics: dict[str, float] | None) -> None:
    """Put other metrics in a run's file; None takes one out."""
    path = root / folders.evaluated("toy", name) / "metrics.json"
    content = json.loads(path.read_text())
    content["metrics"] |= metrics
    content["metrics"] = {k: v for k, v in content["metrics"].items() if v is not None}
    path.write_text(json.dumps(content))


def _fall(setting: Setting, target: str, speed: float) -> Fall:
    chance = np.random.default_rng([setting.seed, int(speed), len(target)])
    queries = chance.lognormal(np.log(speed) - 0.2, 0.6, IMAGES).astype(np.int64) + 1
    success = torch.from_numpy((queries < BUDGET) & (chance.random(IMAGES) > 0.125))
    clean = torch.from_numpy(chance.random((IMAGES, 1, 12, 12), np.float32))
    change = torch.from_numpy(chance.normal(0, 0.1, clean.shape).astype(np.float32))
    trained = target == TARGETS[0]
    about = {"kind": "trained" if trained else "onnx", "accuracy": _ACCURACY}
    about |= {"architecture": "resnet8"} if trained else {}
    return Fall(
        target,
        about,
        clean,
        Outcome((clean + change).clamp(0, 1), success, torch.from_numpy(queries)),
        {"images": 60, "correct": 55, "attacked": IMAGES},
    )


_ACCURACY = {"value": 0.97, "ci95": 0.01, "n": 1000}
