"""The study of neural fields: equal CPU seconds for each setting of a grid, and its runs in turn.

    python -m benchmarks.fields_study calibrate neural-fields-tuning --seconds 100
    python -m benchmarks.fields_study run neural-fields-tuning

``calibrate`` times a few meta-iterations of every setting, all in turn so that what else the
machine does falls on all alike, and writes into the grid's params.yaml how many ``seconds`` buy:
the least of ``rounds`` timings counts, as that of a quiet machine. Settings that differ in rates
or seeds alone share one timing. ``run`` makes what ``lazyleap run`` makes, one stage after
another and without DVC; what is there is kept, so that it goes on where it was stopped.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from ruamel.yaml import YAML

from lazyleap import registry
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError
from lazyleap.places import at
from lazyleap.setting import Setting
from lazyleap.settings import load, resolve
from stages import folders

app = typer.Typer(add_completion=False)
SAME = ("inner_lr", "outer", "seed")  # what a meta-iteration's time does not depend on
Grid = Annotated[str, typer.Argument(help="a folder of grids/")]


@app.command()
def calibrate(
    grid: Grid,
    seconds: Annotated[float, typer.Option(help="CPU seconds of a meta-training")],
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    iterations: Annotated[int, typer.Option(min=1, help="timed at a time")] = 4,
    only: Annotated[str, typer.Option(help="runs that match")] = "*",
) -> None:
    """Write the meta-iterations of each run of GRID that SECONDS of CPU time buy."""
    path = _params(grid)
    settings = load(path)
    torch.set_num_threads(settings.threads)
    prepare(grid)
    runs = {name: resolve(settings, name) for name in settings.runs if Path(name).match(only)}
    kinds = {name: cost_of(one) for name, one in runs.items()}
    firsts = {kinds[name]: one for name, one in reversed(runs.items())}
    best = dict.fromkeys(firsts, math.inf)
    for _ in range(rounds):
        for kind, one in firsts.items():
            best[kind] = min(best[kind], timed(one, iterations))
    yaml = YAML()
    yaml.width = 200
    content = yaml.load(path)
    for name, kind in kinds.items():
        content["runs"][name]["meta_iterations"] = max(1, round(seconds / best[kind]))
    yaml.dump(content, path)
    for kind, took in sorted(best.items(), key=lambda pair: pair[1]):
        print(f"{1000 * took:7.1f} ms a meta-iteration: {kind}")


def cost_of(setting: Setting) -> str:
    """What a meta-iteration's time depends on, in words."""
    chosen = setting.chosen() | {"meta_iterations": None}
    kept = {k: v for k, v in chosen.items() if k not in SAME and v is not None}
    return ", ".join(f"{key} {value}" for key, value in kept.items())


def timed(setting: Setting, iterations: int) -> float:
    """CPU seconds of a meta-iteration, the first not counted."""
    data = load_data(folders.images(setting.grid, setting.task_name, "train"))
    kind = at(registry.server(setting.task.kind, "train"))
    learner = kind.learner(setting, data, torch.device("cpu"))
    learner.step(0, describe=False)
    start = time.process_time()
    for i in range(iterations):
        learner.step(1 + i, describe=False)
    return (time.process_time() - start) / iterations


@app.command()
def run(grid: Grid, only: Annotated[str, typer.Option(help="runs that match")] = "*") -> None:
    """Train and evaluate the runs of GRID in the file's order, then report those that are done."""
    settings = load(_params(grid))
    prepare(grid)
    for name in settings.runs:
        if not Path(name).match(only):
            continue
        if not (folders.trained(grid, name) / "theta.safetensors").exists():
            stage("train", grid, name)
        if not (folders.evaluated(grid, name) / "metrics.json").exists():
            stage("evaluate", grid, name)
    stage("report", grid)


def prepare(grid: str) -> None:
    """The images of GRID's tasks, where they are not there."""
    for task in load(_params(grid)).tasks:
        if not folders.prepared(grid, task).exists():
            stage("prepare", grid, task)


def stage(name: str, grid: str, *words: str) -> None:
    """One stage's program."""
    command = [sys.executable, "-m", f"stages.{name}", "--params", str(_params(grid)), *words]
    subprocess.run(command, check=name not in ("train", "evaluate"))


def _params(grid: str) -> Path:
    path = Path("grids") / grid / "params.yaml"
    if not path.is_file():
        raise InputError(f"{path}: there is no such grid")
    return path


if __name__ == "__main__":
    app()
