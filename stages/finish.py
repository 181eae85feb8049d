"""The end of a training: results and records move into the stage's outs, whole or not at all."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lazyleap import tensorfile
from lazyleap.datasets.store import Prepared
from lazyleap.files import replacing
from lazyleap.setting import Setting
from lazyleap.training.loop import Progress
from stages import folders
from stages.contents import write_json


def finish(
    parameters: dict[str, Any],
    setting: Setting,
    classes: int,
    data: Prepared,
    progress: Progress,
    work: Path,
    made_with: dict[str, Any],
) -> None:
    """Write what the setting decides to one out, and what time and the machine decide to another.

    The first has equal bytes for equal settings, so what depends on it is not run again.
    ``parameters`` are all of the setting that training was given; ``classes``: its outputs.
    """
    record = make_record(setting, progress)
    with replacing(folders.record(setting.grid, setting.name)) as folder:
        shutil.copytree(work / "tensorboard", folder / "tensorboard")
        write_json(folder / "record.json", record | made_with)
    with replacing(folders.trained(setting.grid, setting.name)) as folder:
        (folder / "theta.safetensors").write_bytes(tensorfile.dump(progress.best_theta))
        write_json(folder / "setting.json", describe(parameters, classes, data, progress))


def describe(
    parameters: dict[str, Any], classes: int, data: Prepared, progress: Progress
) -> dict[str, Any]:
    """The setting, what its images look like, and which iteration was the best."""
    info = data.info
    return parameters | {
        "normalisation": {"mean": info["mean"], "std": info["std"]},
        "image": {key: info[key] for key in ("channels", "height", "width")},
        "classes": classes,
        "dataset": info.get("name", ""),
        "dataset_digest": info["digest"],
        "licence": info.get("licence", ""),
        "citation": info.get("citation", ""),
        "best_iteration": progress.best_iteration,
        "best_validation": best(progress),
        "lowest": progress.lowest,
    }


def best(progress: Progress) -> float | None:
    """The kept theta's validation score; None where there is nothing to train."""
    return progress.best_score if progress.best_theta else None


def make_record(setting: Setting, progress: Progress) -> dict[str, Any]:
    """What this very training took; seconds are those of meta-iterations alone."""
    return {
        "run": setting.name,
        "grid": setting.grid,
        "seed": setting.seed,
        "meta_iterations": progress.iteration,
        "train_cpu_seconds": progress.cpu_seconds,
        "train_wall_seconds": progress.wall_seconds,
        "peak_memory_mib": progress.peak_memory_mib,
        "resumed": progress.resumed,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "best_iteration": progress.best_iteration,
        "best_validation": best(progress),
        "best_at_chance": progress.best_at_chance,
    }
