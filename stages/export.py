"""Write a run's ONNX files: `python -m stages.export --params params.yaml RUN`."""

from __future__ import annotations

from pathlib import Path

import torch

from lazyleap import records
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
    said = _facts(trained, setting.grid, name, commit) | about
    with replacing(folders.exported(setting.grid, name)) as folder:
        for file, model in models.items():
            content = annotate(model, said).SerializeToString(deterministic=True)
            (folder / file).write_bytes(content)
        words = exporter.describe(said) if models else NOTHING
        (folder / "model_card.md").write_text(card(said, words, checks))
        if checks:
            (folder / "parity.json").write_text(parity.to_json(checks))


def _facts(trained: Path, grid: str, name: str, commit: str) -> dict[str, str]:
    """What the run's files say of it."""
    path = folders.evaluated(grid, name) / "metrics.json"
    metrics = records.read(path, records.Metrics, "evaluate the run first", finite=False)
    setting = load_setting(trained)
    try:
        return facts(setting, metrics, commit)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is not what stages.evaluate writes ({error!r}); evaluate the run first"
        ) from error


if __name__ == "__main__":
    run(main)
