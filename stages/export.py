"""Write a run's ONNX files: `python -m stages.export --params params.yaml RUN`."""

from __future__ import annotations

import json
from typing import Any

import torch

from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError
from lazyleap.files import replacing
from lazyleap.onnx import parity
from lazyleap.onnx.card import NOTHING, card
from lazyleap.onnx.metadata import annotate, facts
from lazyleap.setting import Setting
from stages import folders, provenance
from stages.inputs import Inputs
from stages.program import Params, Traceback, run
from stages.trained import load_setting, load_theta


def main(name: str, params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Export run NAME and check it on test images; nothing is written if a check fails."""
    inputs = Inputs(params, "export", name)
    setting = Setting.of(inputs.parameters)
    torch.set_num_threads(setting.threads)
    trained = folders.trained(setting.grid, name)
    theta = load_theta(trained, torch.device("cpu"))
    data = load_data(folders.images(setting.grid, setting.task_name, "test"))
    exporter = inputs.server
    models, checks, about = exporter.export(setting, theta, data)
    parity.require(checks)
    commit = provenance.stamp(inputs.origin, inputs.extensions)
    said = facts(load_setting(trained), _metrics(setting.grid, name), commit) | about
    with replacing(folders.exported(setting.grid, name)) as folder:
        for file, model in models.items():
            content = annotate(model, said).SerializeToString(deterministic=True)
            (folder / file).write_bytes(content)
        words = exporter.describe(said) if models else NOTHING
        (folder / "model_card.md").write_text(card(said, words, checks))
        if checks:
            (folder / "parity.json").write_text(parity.to_json(checks))


def _metrics(grid: str, name: str) -> dict[str, Any]:
    path = folders.evaluated(grid, name) / "metrics.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); evaluate the run first") from error
    return content


if __name__ == "__main__":
    run(main)
