"""The default grid with made-up results: what the stages would leave of each run and seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from lazyleap.items import FILE, Items
from lazyleap.statistics import interval, marked, proportion
from stages import folders

GRID = "toy"
DEFAULT = Path(__file__).parents[2] / "params.yaml"
CPU = 40.0  # of a run of horizon 1, in seconds


def params(seeds: int = 3, **runs: dict[str, Any]) -> dict[str, Any]:
    """The default parameters, each run with some seeds, and further runs."""
    content = yaml.safe_load(DEFAULT.read_text()) | {"grid": GRID}
    each = [(name, run, seed) for name, run in content["runs"].items() for seed in range(seeds)]
    content["runs"] = {f"{name}-s{s}": run | {"seed": s} for name, run, s in each} | runs
    return content


def write(root: Path, content: dict[str, Any], **better: float) -> Path:
    """params.yaml and the results of all of its runs; some are better than others by so much."""
    path = root / "params.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    for index, name in enumerate(content["runs"]):
        extra = better.get(name.rpartition("-s")[0].replace("-", "_"), 0.0)
        write_run(root, content, name, extra + 0.004 * (index // 3 % 7))
    return path


def write_run(root: Path, content: dict[str, Any], name: str, better: float = 0.0) -> None:
    """All files of one run."""
    run = content["runs"][name]
    task = content["tasks"][run["task"]]
    folder = root / folders.evaluated(GRID, name)
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng([run["seed"], run["horizon"], len(name)])
    metrics, items, curve = MADE[task["kind"]](run, task, better, chance, folder)
    items.save(folder / FILE)
    about = {"run": name, "grid": GRID, "kind": task["kind"], "test_digest": "ab" * 32}
    about |= {"dataset": task["dataset"]["reader"]}
    save(folder / "metrics.json", about | run | metrics)
    (folder / "curve.csv").write_text("\n".join(",".join(map(str, row)) for row in curve) + "\n")
    save(root / folders.record(GRID, name) / "record.json", record(run))
    parity = {"ok": True, "float32_gap": 3e-4, "pytorch_gap": 2e-4}
    save(root / folders.exported(GRID, name) / "parity.json", parity)


def save(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def edit(path: Path, **changed: Any) -> None:
    """Change entries of a JSON file."""
    save(path, json.loads(path.read_text()) | changed)


def record(run: dict[str, Any]) -> dict[str, Any]:
    trained = run["algorithm"] not in ("zoo", "square", "random_direction")
    cpu = trained * (CPU + 7.0 * (run["horizon"] - 1) + 0.5 * run["seed"])
    return {
        "meta_iterations": trained * 300,
        "train_cpu_seconds": cpu,
        "train_wall_seconds": 1.05 * cpu,
        "peak_memory_mib": 400.0 + 3 * run["horizon"],
        "device": "cpu",
        "hardware": "an invented processor",
        "threads": 1,
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "dirty": False,
        "command": "python -m stages.train",
    }


def _fewshot(run, task, better, chance, folder) -> tuple[dict[str, Any], Items, list[Any]]:
    episodes, way = task["draw"]["test_episodes"], task["draw"]["way"]
    hard = np.random.default_rng(0).normal(0, 0.08, episodes)  # the same for every run
    steps = sorted({*task["test"]["steps"], run["horizon"]})
    values = {
        f"accuracy@{s}": np.clip(0.7 + better - 0.1 / (s + 1) + hard + noise, 0, 1)
        for s in steps
        for noise in [chance.normal(0, 0.02, episodes)]
    }
    values["accuracy"] = values["accuracy@5"]
    classes = np.random.default_rng(1).integers(0, 60, (episodes, way))
    metrics = {name: marked(interval(v, (0.0, 1.0)), 1 / way) for name, v in values.items()}
    rows = [(s, 0.2 if s == 0 else 0.7 + better - 0.1 / (s + 1), 0.01) for s in range(21)]
    said = {"metrics": metrics, "primary": "accuracy", "step": 5}
    return said, Items(values, {"clusters": classes}), [("step", "accuracy", "ci95"), *rows]


def _longtail(run, task, better, chance, folder) -> tuple[dict[str, Any], Items, list[Any]]:
    sizes = [500, 200, 90, 40, 12, 5]
    labels = np.arange(6).repeat(50)
    wrong = chance.random(300) < 0.1 + 0.1 * labels - better
    answers = np.where(wrong, 0, labels)
    counts = np.bincount(labels * 6 + answers, minlength=36).reshape(6, 6)
    groups = {"many": labels < 2, "medium": (labels > 1) & (labels < 4), "few": labels > 3}
    metrics = {"balanced_error": interval(wrong.astype(float)), "error": proportion(wrong)}
    metrics |= {f"error@{name}": proportion(wrong[part]) for name, part in groups.items()}
    said = {
        "metrics": metrics,
        "primary": "balanced_error",
        "calibration_error": 0.05,
        "recall": [proportion(~wrong[labels == c]) for c in range(6)],
        "confusion": counts.tolist(),
        "classes": ["a", "b", "<i>c</i>", "d", "e", "f"],
        "train_images": sizes,
    }
    values = {"balanced_error": wrong, "error": wrong}
    return said, Items(values, {"strata": labels}), [("step", "accuracy", "ci95")]


def _attack(run, task, better, chance, folder) -> tuple[dict[str, Any], Items, list[Any]]:
    names, budget, images = ["glyphs-allconv", "glyphs-resnet8"], task["test"]["budget"], 40
    queries = chance.lognormal(np.log(0.2 * budget * (1 - better)), 0.8, (2, images)).round()
    success = queries <= budget
    spent = np.where(success, queries, budget)
    metrics: dict[str, Any] = {}
    for at, rows in (("", [0, 1]), *((f"@{n}", [i]) for i, n in enumerate(names))):
        won, cost = success[rows].ravel(), spent[rows].ravel()
        metrics |= {f"success{at}": proportion(won), f"queries_mean_all{at}": interval(cost)}
        metrics |= {f"queries_mean{at}": interval(cost[won])}
        metrics |= {f"queries_median{at}": interval(cost[won]), f"l2{at}": interval(cost / 1e3)}
    counts = {"images": 60, "correct": 50, "attacked": images}
    target = {"kind": "trained", "architecture": "resnet8", "accuracy": proportion(success[0])}
    said = {"metrics": metrics, "primary": "success", "targets": dict.fromkeys(names, target)}
    said |= {"denominators": dict.fromkeys((*names, "all"), counts)}
    (folder / "pictures").mkdir(exist_ok=True)
    picture = Image.fromarray(chance.integers(0, 256, (84, 84), dtype=np.uint8))
    picture.save(folder / "pictures" / f"{names[0]}.png")
    steps = np.unique(np.geomspace(1, budget, 40).round().astype(int))
    shares = [(s, 0, 0, *((success & (queries <= s)).mean(1))) for s in steps]
    header = ("step", "accuracy", "ci95", *(f"success@{n}" for n in names))
    values = {"queries_mean_all": spent.ravel(), "success": success.ravel()}
    clusters = np.tile(np.arange(images), 2)[:, None]
    return said, Items(values, {"clusters": clusters}), [header, *shares]


MADE = {"fewshot": _fewshot, "longtail": _longtail, "attack": _attack}
