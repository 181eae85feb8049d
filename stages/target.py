"""Trains, or imports, one classifier to be attacked: ``python -m stages.target NAME``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from lazyleap.classifiers import fit, scores, store
from lazyleap.classifiers.options import OnnxTarget
from lazyleap.datasets.store import ImageSet
from lazyleap.datasets.store import load as load_data
from lazyleap.errors import InputError
from lazyleap.files import replacing
from lazyleap.statistics import proportion
from stages import classifiers, folders, scratch
from stages.program import Params, Traceback, run

LOOKED_AT = 64  # test images, evenly spaced, whose scores must move when the pixels do


def main(name: str, params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Make target NAME ready and take its accuracy over all test images."""
    asked = classifiers.asked(params, "target", name)
    options = asked.options
    scratch.end_with_parent()
    test = load_data(folders.images(asked.grid, options.task, "test")).split("test")
    make = _taken if isinstance(options, OnnxTarget) else _trained
    make(asked, name, test)


def _trained(asked: classifiers.Asked, name: str, test: ImageSet) -> None:
    grid, device, options, _ = asked
    data = load_data(folders.images(grid, options.task, "train"))
    rows = np.arange(len(data.split("train").labels))
    network, about = classifiers.train("target", name, options, data, rows, device)
    about |= _tested(name, network, about["outputs"], test)
    with replacing(folders.target(grid, options.task, name)) as folder:
        store.save(folder, network, about)


def _taken(asked: classifiers.Asked, name: str, test: ImageSet) -> None:
    from lazyleap.classifiers import files  # onnx and onnxruntime only where they are needed
    from lazyleap.classifiers.session import Session

    grid, _, options, _ = asked
    data = load_data(folders.images(grid, options.task, "test"))
    about = classifiers.describe(options, test, data)
    if options.classes < len(test.classes):
        raise InputError(
            f"targets.{name}.classes: {options.classes}, but the images of task "
            f"'{options.task}' have {len(test.classes)} classes"
        )
    path, weights = files.find(Path(options.source))
    try:
        about |= _tested(name, Session(path, about), options.outputs, test)
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    with replacing(folders.target(grid, options.task, name)) as folder:
        store.describe(folder, about)
        files.copy(path, weights, folder, store.ONNX)


def _tested(
    name: str, ask: scores.Scores, outputs: scores.Outputs, test: ImageSet
) -> dict[str, Any]:
    """Accuracy over all test images, and whether its scores tell an attack anything.

    Raises:
        InputError: scores that are not finite or not what they are said to be, for any image.
    """
    rows = np.arange(len(test.labels))
    found = fit.answers(ask, test, rows, fit.CPU)
    correct = fit.right(found, test, rows)
    scores.require_form(found, outputs)
    some = np.unique(np.linspace(0, len(rows) - 1, LOOKED_AT).astype(int))
    signal = scores.signal(ask, fit.pixels(test.images[some], fit.CPU), outputs)
    if words := scores.warning(signal):
        print(f"warning: target '{name}': {words}", file=sys.stderr)
    accuracy = proportion(correct)
    return {"accuracy": accuracy, "accuracy_of": "all test images", "signal": signal}


if __name__ == "__main__":
    run(main)
