"""Judges one meta-trained run on the fixed test episodes: ``python -m stages.evaluate RUN``."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import torch

from lazyleap import build
from lazyleap.bilevel import Tree
from lazyleap.datasets.store import Prepared
from lazyleap.datasets.store import load as load_data
from lazyleap.evaluation.fewshot import accuracies, interval
from lazyleap.models import build as build_network
from lazyleap.settings import Setting, load, resolve
from lazyleap.tasks.fewshot import Episodes, Pixels
from stages import folders, machine, scratch
from stages.program import Params, Traceback, run
from stages.trained import load_theta


def main(name: str, params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Write metrics.json and curve.csv of run NAME."""
    settings = load(Path(params))
    setting = resolve(settings, name)
    torch.set_num_threads(setting.threads)
    device = machine.device(settings.device)
    data = load_data(folders.prepared(setting.grid, setting.task_name) / "test")
    theta = load_theta(folders.trained(setting.grid, name), device)
    metrics, curve = judge(setting, theta, data, device)
    with scratch.replacing(folders.evaluated(setting.grid, name)) as folder:
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
        with (folder / "curve.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([("step", "accuracy", "ci95"), *curve])


def judge(
    setting: Setting, theta: Tree, data: Prepared, device: torch.device
) -> tuple[dict[str, Any], list[tuple[int, float, float]]]:
    """Accuracy at the reported steps over all test episodes; the curve over the first of them."""
    test = setting.task.test
    network = build_network(setting.task.model, setting.task.training.way, data.info).to(device)
    problem = build.algorithm(setting, network)
    pixels = Pixels(data.split("test"), data.info["mean"], data.info["std"], device)
    episodes = Episodes.load(data.folder / "episodes.npz")
    found = accuracies(problem, theta, pixels, episodes, [*test.steps, setting.horizon])
    few = episodes.head(test.curve_episodes)
    curve = accuracies(problem, theta, pixels, few, range(test.curve_steps + 1))
    metrics = {
        "run": setting.name,
        "grid": setting.grid,
        "task": setting.task_name,
        "kind": setting.task.kind,
        "dataset": data.info["name"],
        "algorithm": setting.algorithm,
        "estimator": setting.estimator,
        "horizon": setting.horizon,
        "leaps": setting.leaps,
        "placement": setting.placement,
        "lam": setting.lam,
        "seed": setting.seed,
        "norm": setting.task.model.norm,
        "way": episodes.support.shape[1],
        "shot": episodes.support.shape[2],
        "metrics": {f"accuracy@{s}": interval(values) for s, values in found.items()},
        "primary": f"accuracy@{setting.horizon}",
        "test_digest": episodes.digest,
    }
    rows = [(s, interval(v)["value"], interval(v)["ci95"]) for s, v in curve.items()]
    return metrics, rows


if __name__ == "__main__":
    run(main)
