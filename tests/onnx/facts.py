"""What a file must say of itself, from params.yaml, the arrays and git, not from the exporter."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import yaml

from lazyleap.datasets import store
from tests.conftest import git


def said(path: Path) -> dict[str, str]:
    """The ``metadata_props`` of a file, keys in JSON sorted."""
    return sorted_json({p.key: p.value for p in onnx.load(path).metadata_props})


def sorted_json(facts: dict[str, str]) -> dict[str, str]:
    return {
        key: json.dumps(json.loads(value), sort_keys=True) if value.startswith("{") else value
        for key, value in facts.items()
    }


def common(folder: Path, name: str) -> dict[str, str]:
    """Every fact that all kinds have, by key, of run ``name`` of the project in ``folder``."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    run = params["runs"][name]
    task = params["tasks"][run["task"]]
    prepared = folder / "data/prepare/quick" / run["task"]
    about = json.loads((prepared / "train/images/dataset.json").read_text())
    data = store.load(prepared / "train/images")
    shape = np.load(prepared / "test/images/test_images.npy", mmap_mode="r").shape[1:]
    metrics = json.loads((folder / f"artifacts/evaluate/quick/{name}/metrics.json").read_text())
    setting = json.loads((folder / f"artifacts/train/quick/{name}/setting.json").read_text())
    own = f"accuracy@{run['horizon']}"  # what a learner is recommended with
    metric = own if task["kind"] == "fewshot" else metrics["primary"]
    score, ends = metrics["metrics"][metric], ("value", "low", "high")
    plain = json.dumps(setting, sort_keys=True, separators=(",", ":"))
    return sorted_json(
        {
            "run": name,
            "grid": "quick",
            "kind": task["kind"],
            **{key: str(run[key]) for key in ("task", "algorithm", "estimator", "horizon", "seed")},
            "model": json.dumps(task["model"]),
            "image": json.dumps(dict(zip(("channels", "height", "width"), shape, strict=True))),
            "dataset": about["name"],
            "dataset_digest": store.digest({n: data.split(n) for n in about["splits"]}),
            "licence": about["licence"],
            "citation": about["citation"],
            "metric": metric,
            **{key: f"{score[key]:.4f}" for key in ends},
            "at_chance": json.dumps(score.get("at_chance", False)),
            "metrics": json.dumps(
                {n: [round(s[key], 4) for key in ends] for n, s in metrics["metrics"].items()}
            ),
            "test_digest": metrics["test_digest"],
            "params_fingerprint": hashlib.sha256(plain.encode()).hexdigest(),
            "commit": git(folder, "rev-parse", "HEAD").strip(),
        }
    )


def normalisation(folder: Path, task: str) -> str:
    """Moments of the training images' pixels, as the graph applies them."""
    (path,) = (folder / f"data/prepare/quick/{task}/train/images").glob("train_images.npy")
    pixels = np.load(path).astype(np.float64) / 255
    mean, std = (np.round(f(pixels, (0, 2, 3)), 6).tolist() for f in (np.mean, np.std))
    return json.dumps({"mean": mean, "std": std})
