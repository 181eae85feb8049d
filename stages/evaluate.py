"""Judges one meta-trained run on what was drawn for all: ``python -m stages.evaluate RUN``."""

from __future__ import annotations

import csv
from contextlib import closing
from pathlib import Path

import numpy as np

from lazyleap.datasets.store import load as load_data
from lazyleap.files import replacing
from lazyleap.items import FILE
from lazyleap.kind import Verdict
from lazyleap.noted import warnings
from lazyleap.setting import Setting
from stages import folders, machine
from stages.board import Board, save_picture
from stages.contents import write_json
from stages.inputs import Inputs
from stages.program import Params, Traceback, run
from stages.trained import load_setting, load_theta


def main(name: str, params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Write metrics.json, items.npz, curve.csv and pictures of run NAME."""
    inputs = Inputs(params, "evaluate", name)
    setting = Setting.of(inputs.parameters)
    machine.use(setting.threads)
    device = machine.device(setting.device)
    data = load_data(folders.images(setting.grid, setting.task_name, "test"))
    theta = load_theta(folders.trained(setting.grid, name), device)
    verdict = inputs.server.judge(setting, theta, data, device)
    named = {
        "run": name,
        "grid": setting.grid,
        "task": setting.task_name,
        "kind": setting.task.kind,
        "dataset": data.info.get("name", ""),
        "algorithm": setting.algorithm,
        "estimator": setting.estimator,
        "horizon": setting.horizon,
        "seed": setting.seed,
        "setting": setting.asked(),
        **setting.overrides,
    }
    primary = verdict.metrics["metrics"][verdict.metrics["primary"]]
    named["at_chance"] = primary.get("at_chance", False)
    lowest = load_setting(folders.trained(setting.grid, name)).get("lowest", {})
    if said := [*verdict.metrics.get("warnings", []), *warnings(lowest)]:
        named["warnings"] = said
    with replacing(folders.evaluated(setting.grid, name)) as folder:
        write_json(folder / "metrics.json", verdict.metrics | lowest | named)
        verdict.items.save(folder / FILE)
        with (folder / "curve.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(verdict.curve)
        show(verdict, folder, setting)


def show(verdict: Verdict, folder: Path, setting: Setting) -> None:
    """Pictures and what they are of, as files; as events these and the scores of the setting."""
    (folder / "pictures").mkdir()
    for file, array in verdict.arrays.items():
        np.save(folder / "pictures" / f"{file}.npy", array)
    kept = load_setting(folders.trained(setting.grid, setting.name)).get("best_validation")
    scores = {f"test/{n}": score["value"] for n, score in verdict.metrics["metrics"].items()}
    scores |= {} if kept is None else {"kept/validation_score": kept}
    with closing(Board(folder / "tensorboard")) as board:
        board.summary(setting.chosen(), scores)
        for tag, cells in verdict.pictures.items():
            board.pictures(tag, cells)
            save_picture(folder / "pictures" / f"{tag.rpartition('/')[2]}.png", cells)


if __name__ == "__main__":
    run(main)
