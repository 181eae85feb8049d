"""Write a run's ONNX files: `python -m stages.export --params params.yaml RUN`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from lazyleap.algorithms.meta_sgd import INIT, select
from lazyleap.config import ModelOptions
from lazyleap.errors import InputError
from lazyleap.export import ordinary
from lazyleap.export.card import card
from lazyleap.export.metadata import annotate, facts
from lazyleap.export.parity import Feed, Parity, compare
from lazyleap.files import write_folder
from lazyleap.models import build
from lazyleap.settings import load
from stages import folders
from stages.program import Params, Traceback, run

RELATIVE = 1e-4  # float32 rounding through a network, relative to its largest logit


def main(key: str, params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Export run KEY and check it on test images; what fails the check is not written."""
    settings = load(Path(params))
    torch.set_num_threads(settings.threads)
    trained = folders.trained(settings.grid, key)
    setting = read_json(trained / "setting.json")
    metrics = read_json(folders.evaluated(settings.grid, key) / "metrics.json")
    about = facts(setting, metrics, commit())
    images = test_images(folders.prepared(settings.grid, setting["task_name"]) / "test")
    model, parity = export_model(setting, trained / "theta.safetensors", images)
    write_folder(
        folders.exported(settings.grid, key),
        {
            "model.onnx": annotate(model, about).SerializeToString(deterministic=True),
            "model_card.md": card(about, {"model.onnx": parity}),
            "parity.json": json.dumps(parity.to_dict(), indent=2) + "\n",
        },
    )


def export_model(
    setting: dict[str, Any], theta: Path, images: NDArray[np.float32]
) -> tuple[Any, Parity]:
    """The network at its initialisation, and its parity on test images in 0..1."""
    image = setting["image"]
    network = build(ModelOptions(**setting["task"]["model"]), setting["classes"], image)
    tree = load_file(theta)
    network.load_state_dict(select(tree, INIT) if setting["algorithm"] == "meta_sgd" else tree)
    module = ordinary.Normalised(ordinary.WithFeatures(network), **setting["normalisation"])
    shape = (image["channels"], image["height"], image["width"])
    model = ordinary.export(module, shape, outputs=("logits", "features"))

    def reference(feed: Feed) -> torch.Tensor:
        with torch.no_grad():
            logits: torch.Tensor = module(torch.from_numpy(feed["images"]))[0]
        return logits

    feeds = [{"images": images[:n]} for n in (2, setting["classes"], 32)]
    return model, compare(model, feeds, reference, relative=RELATIVE).require("model.onnx")


def test_images(folder: Path) -> NDArray[np.float32]:
    """Some test images of different classes, in 0..1."""
    path = folder / "test_images.npy"
    if not path.is_file():
        raise InputError(f"{path} is missing: prepare the dataset first")
    images = np.load(path, mmap_mode="r")
    return np.asarray(images[:: max(1, len(images) // 32)][:32], np.float32) / np.float32(255)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that an earlier stage wrote."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except OSError as error:
        raise InputError(f"{path} is missing: run the stage that writes it first") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}): run the stage that writes it") from error
    return content


def commit() -> str:
    """The code's commit, with -dirty for edited files; 'unknown' outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


if __name__ == "__main__":
    run(main)
