"""Meta-trains one run: ``python -m stages.train --params params.yaml RUN``.

Stopped at any moment, by a time budget or by a kill, the next call goes on from the checkpoint and
ends with the same bytes.
"""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from safetensors.torch import save_file

from lazyleap import build, checkpoint
from lazyleap.bilevel import Task, Tree
from lazyleap.datasets.store import Prepared
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import DivergedError
from lazyleap.evaluation.fewshot import accuracies, interval
from lazyleap.learner import MetaLearner
from lazyleap.models import build as build_network
from lazyleap.seeding import generator, seed_torch
from lazyleap.settings import Setting, load, resolve
from lazyleap.tasks.fewshot import Episodes, Pixels, Sampler, as_tasks
from lazyleap.training import Metrics, Plan, Progress, fit
from stages import folders, machine, scratch
from stages.board import Board
from stages.observer import Reporter
from stages.program import Params, Traceback, run

CODE = [Path("stages/train.py"), *map(Path("lazyleap").joinpath, (
    "algorithms", "bilevel.py", "build.py", "estimators", "learner.py", "models", "seeding.py",
    "tasks", "training.py",
))]  # fmt: skip
"""The files whose change makes a checkpoint another run's; those that dvc.yaml names."""

MaxSeconds = Annotated[
    float | None, typer.Option(envvar="LAZYLEAP_MAX_SECONDS", help="stop cleanly after this long")
]


def main(
    name: str,
    params: Params = "params.yaml",
    max_seconds: MaxSeconds = None,
    traceback: Traceback = False,
) -> None:
    """Meta-train run NAME, from its checkpoint where there is one."""
    settings = load(Path(params))
    setting = resolve(settings, name)
    torch.set_num_threads(setting.threads)
    device = machine.device(settings.device)
    scratch.end_with_parent()
    data = load_data(folders.prepared(setting.grid, setting.task_name) / "train")
    fixed = Episodes.load(data.folder / "validation.npz").digest
    mark = scratch.fingerprint(setting.to_dict(), [data.info["digest"], fixed], CODE)
    with scratch.claimed(folders.scratch(setting.grid, name, mark)) as work:
        learner = make_learner(setting, data, device)
        progress = train(setting, learner, work, max_seconds, device)
        finish(setting, data, progress, work, machine.describe(device, setting.threads))
        shutil.rmtree(work)


def make_learner(setting: Setting, data: Prepared, device: torch.device) -> MetaLearner:
    """The few-shot meta-learner of a setting: network, problem, estimator, episodes."""
    seed_torch(setting.seed, "network")
    network = build_network(setting.task.model, setting.task.training.way, data.info).to(device)
    problem = build.algorithm(setting, network)
    train, val = (
        Pixels(data.split(part), data.info["mean"], data.info["std"], device)
        for part in ("train", "val")
    )
    fixed = Episodes.load(data.folder / "validation.npz")
    options = setting.task.training
    sampler = Sampler(data.split("train"), options.way, options.shot, options.query)

    def sample(iteration: int) -> list[Task]:
        chance = generator(setting.seed, "episodes", iteration)
        return as_tasks(train, sampler.draw(options.meta_batch, chance), setting.horizon)

    def accuracy(phi: Tree, theta: Tree, task: Task) -> float:
        with torch.no_grad():
            hits = problem.predict(phi, theta, task.outer.inputs).argmax(-1) == task.outer.targets
        return float(hits.float().mean())

    def score(theta: Tree) -> Metrics:
        k = setting.horizon
        found = interval(accuracies(problem, theta, val, fixed, [k])[k])
        return {"validation/score": found["value"], "validation/ci95": found["ci95"]}

    start = build.theta(problem, network)
    return MetaLearner(
        problem, build.estimator(setting), start, build.outer(setting), sample, accuracy, score
    )


def train(
    setting: Setting,
    learner: MetaLearner,
    work: Path,
    max_seconds: float | None,
    device: torch.device,
) -> Progress:
    """Train from the checkpoint in ``work``, or from the start."""
    progress = Progress()
    if found := checkpoint.load(work / "checkpoint.pt", device):
        progress, state = found
        progress.resumed += 1
        learner.load_state(state)
    options = setting.task.training
    plan = Plan(setting.meta_iterations, options.log_every, options.validate_every, max_seconds)
    board = Board(work / "tensorboard", progress.iteration)
    store = partial(checkpoint.save, work / "checkpoint.pt")
    reporter = Reporter(setting, board, store, progress.iteration)
    if progress.iteration == 0:
        first = learner.sample(0)[0]
        board.episode(first.inner[0].inputs, first.outer.inputs, options.way)
    try:
        return fit(learner, plan, progress, reporter)
    except DivergedError as error:
        raise DivergedError(
            f"{setting.name}: {error}; lower its inner_lr ({setting.inner_lr:g}) or "
            f"algorithms.{setting.algorithm}.outer.lr ({learner.outer.lr:g})"
        ) from error
    finally:
        reporter.close()


def finish(
    setting: Setting, data: Prepared, progress: Progress, work: Path, made_with: dict[str, Any]
) -> None:
    """Move what is final into the outs: what the setting decides, apart from the machine's part."""
    info = data.info
    about = setting.to_dict() | {
        "normalisation": {"mean": info["mean"], "std": info["std"]},
        "image": {key: info[key] for key in ("channels", "height", "width")},
        "classes": setting.task.training.way,
        "dataset": info["name"],
        "dataset_digest": info["digest"],
        "licence": info.get("licence", ""),
        "citation": info.get("citation", ""),
        "best_iteration": progress.best_iteration,
        "best_validation": progress.best_score,
    }
    record = {
        "run": setting.name,
        "grid": setting.grid,
        "seed": setting.seed,
        "meta_iterations": progress.iteration,
        "train_cpu_seconds": progress.cpu_seconds,
        "train_wall_seconds": progress.wall_seconds,
        "peak_memory_mib": progress.peak_memory_mib,
        "resumed": progress.resumed,
        "best_iteration": progress.best_iteration,
        "best_validation": progress.best_score,
    }
    _summarise(setting, record, work)
    with scratch.replacing(folders.record(setting.grid, setting.name)) as folder:
        shutil.copytree(work / "tensorboard", folder / "tensorboard")
        _write(folder / "record.json", record | made_with)
    with scratch.replacing(folders.trained(setting.grid, setting.name)) as folder:
        theta = {n: p.cpu().contiguous() for n, p in progress.best_theta.items()}
        save_file(theta, folder / "theta.safetensors")
        _write(folder / "setting.json", about)


def _summarise(setting: Setting, record: dict[str, Any], work: Path) -> None:
    board = Board(work / "tensorboard")
    shown = ("task_name", "algorithm", "estimator", "horizon", "leaps", "placement", "lam")
    plain = setting.to_dict()
    chosen = {key: plain[key] for key in (*shown, "inner_lr", "seed", "meta_iterations")}
    board.summary(chosen, {"hparam/validation_accuracy": record["best_validation"]})
    board.close()


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    run(main)
