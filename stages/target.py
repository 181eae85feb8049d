"""Trains, or takes in, one classifier to be attacked: ``python -m stages.target NAME``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from lazyleap.classifiers import fit, store
from lazyleap.classifiers.options import OnnxTarget, TrainedTarget
from lazyleap.config import Settings
from lazyleap.datasets.store import ImageSet
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError
from lazyleap.files import replacing
from stages import classifiers, folders, scratch
from stages.program import Params, Traceback, run

LOOK = 32  # images a user's own classifier is asked about before all others


def main(name: str, params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Make target NAME ready and take its accuracy over all test images."""
    settings, options = classifiers.find(params, "targets", name)
    scratch.end_with_parent()
    test = load_data(folders.images(settings.grid, options.task, "test")).split("test")
    make = _own if isinstance(options, OnnxTarget) else _trained
    make(settings, name, options, test)


def _trained(settings: Settings, name: str, options: TrainedTarget, test: ImageSet) -> None:
    data = load_data(folders.images(settings.grid, options.task, "train"))
    rows = np.arange(len(data.split("train").labels))
    network, about = classifiers.train("target", name, options, data, rows, settings.device)
    about |= _accuracy(network, test)
    with replacing(folders.target(settings.grid, options.task, name)) as folder:
        store.save(folder, network, about)


def _own(settings: Settings, name: str, options: OnnxTarget, test: ImageSet) -> None:
    from lazyleap.classifiers.own import Session

    data = load_data(folders.images(settings.grid, options.task, "test"))
    about = classifiers.describe(options, test, data)
    if options.classes < len(test.classes):
        raise InputError(
            f"targets.{name}.classes: {options.classes}, but the images of task "
            f"'{options.task}' have {len(test.classes)} classes"
        )
    path = Path(options.source)
    session = Session(path, about)
    session.check(fit.pixels(test.images[:LOOK], fit.CPU), options.outputs)
    about |= _accuracy(session, test)
    with replacing(folders.target(settings.grid, options.task, name)) as folder:
        shutil.copyfile(path, folder / store.ONNX)
        store.describe(folder, about)


def _accuracy(scores: fit.Scores, test: ImageSet) -> dict[str, Any]:
    rows = np.arange(len(test.labels))
    return {"accuracy": fit.accuracy(scores, test, rows), "accuracy_of": "all test images"}


if __name__ == "__main__":
    run(main)
