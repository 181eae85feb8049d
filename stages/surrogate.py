"""Trains one classifier that a task's settings learn from: ``python -m stages.surrogate NAME``."""

from __future__ import annotations

import numpy as np

from lazyleap.classifiers import fit, store
from lazyleap.datasets.store import load as load_data
from lazyleap.files import replacing
from stages import classifiers, folders, scratch
from stages.program import Params, Traceback, run


def main(name: str, params: Params = "params.yaml", traceback: Traceback = False) -> None:
    """Train surrogate NAME on all training images but the held-out ones, which test it."""
    grid, device, options, server = classifiers.asked(params, "surrogate", name)
    scratch.end_with_parent()
    data = load_data(folders.images(grid, options.task, "train"))
    images = data.split("train")
    held_out = server.held_out(data)
    rows = np.setdiff1d(np.arange(len(images.labels)), held_out)
    network, about = classifiers.train("surrogate", name, options, data, rows, device)
    about["accuracy"] = fit.accuracy(network, images, held_out)
    about["accuracy_of"] = "training images held out from every surrogate"
    with replacing(folders.surrogate(grid, options.task, name)) as folder:
        store.save(folder, network, about)


if __name__ == "__main__":
    run(main)
