"""Meta-trains one run: ``python -m stages.train --params params.yaml RUN``.

``torchrun --nproc-per-node 2 -m stages.train --params params.yaml RUN`` divides the tasks of each
meta-batch among processes (:mod:`lazyleap.training.ranks`).

Stopped at any moment, by a time budget or by a kill, the next call goes on from the checkpoint and
ends with the same bytes.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer

from lazyleap.datasets.store import load as load_data
from lazyleap.errors import DivergedError, InputError
from lazyleap.kind import Kind
from lazyleap.setting import RATE, Setting
from lazyleap.training import checkpoint
from lazyleap.training.loop import Learner, Plan, Progress, fit
from lazyleap.training.ranks import Divisible, Ranks, joined
from stages import folders, machine, scratch, stored
from stages.board import Board
from stages.finish import finish
from stages.inputs import Inputs
from stages.observer import Reporter, Silent
from stages.program import Params, Traceback, run

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
    inputs = Inputs(params, "train", name)
    setting = Setting.of(inputs.parameters)
    machine.use(setting.threads)
    device = machine.device(setting.device)
    scratch.end_with_parent()
    data = load_data(folders.images(setting.grid, setting.task_name, "train"))
    mark = scratch.fingerprint(inputs.digest, data.folder.parent)
    place = folders.scratch(setting.grid, name, mark)
    with joined(device) as ranks, scratch.claimed(place, wanted=ranks.first) as work:
        if ranks.first:
            stored.forget(work)
        kind = inputs.server
        learner = kind.learner(setting, data, device)
        divide(setting, learner, ranks)
        progress = train(setting, kind, learner, work, max_seconds, device, ranks)
        if not ranks.first:
            return
        facts = machine.describe(device, setting.threads, inputs.origin, inputs.extensions)
        facts |= {"engine": getattr(learner, "engine", "loop"), "processes": ranks.count}
        classes = kind.classes(setting, data)
        finish(inputs.parameters, setting, classes, data, progress, work, facts)
        if stored.by_dvc():  # the report removes it, once DVC has stored the outs
            stored.note(work, folders.trained(setting.grid, name) / "theta.safetensors")
        else:
            shutil.rmtree(work)


def divide(setting: Setting, learner: Learner, ranks: Ranks) -> None:
    """Let each rank take its part of a meta-batch; InputError where there is no such part."""
    if ranks.count == 1:
        return
    if not isinstance(learner, Divisible):
        raise InputError(
            f"{setting.name}: a {setting.algorithm} training takes its steps in one process, not "
            f"in {ranks.count}: its steps hold no meta-batch of tasks to divide"
        )
    learner.divide(ranks)


def train(
    setting: Setting,
    kind: Kind,
    learner: Learner,
    work: Path,
    max_seconds: float | None,
    device: torch.device,
    ranks: Ranks,
) -> Progress:
    """Train from the checkpoint in ``work``, or from the start."""
    progress = Progress()
    if found := checkpoint.load(work / "checkpoint.pt", device, ranks):
        progress, state = found
        progress.resumed += 1
        learner.load_state(state)
    options = setting.task.training
    plan = Plan(
        setting.meta_iterations,
        options.log_every,
        options.validate_every,
        kind.KEEP,
        max_seconds,
        seed=setting.seed,
    )
    if not ranks.first:
        return fit(learner, plan, progress, Silent(), ranks)
    board = Board(work / "tensorboard", progress.iteration)
    store = partial(checkpoint.save, work / "checkpoint.pt")
    look = partial(kind.preview, learner)
    reporter = Reporter(setting, board, store, progress.iteration, look)
    if progress.iteration == 0:
        for tag, cells in kind.pictures(learner).items():
            board.pictures(tag, cells)
    try:
        return fit(learner, plan, progress, reporter, ranks)
    except DivergedError as error:
        raise DivergedError(f"{setting.name}: {error}; lower {_knobs(setting)}") from error
    finally:
        reporter.close()


def _knobs(setting: Setting) -> str:
    """The rates that may have been too high; a run may have its own in place of its block's."""
    algorithm, training = f"algorithms.{setting.algorithm}", f"tasks.{setting.task_name}.training"
    rates = (
        ("inner_lr", setting.option("inner_lr"), algorithm),
        ("outer.lr", (setting.option("outer") or {}).get("lr"), algorithm),
        (RATE, getattr(setting.task.training, RATE, None), training),
    )
    return " or ".join(
        f"{key} ({rate:g}), the run's own or that of {block}"
        for key, rate, block in rates
        if rate is not None
    )


if __name__ == "__main__":
    run(main)
