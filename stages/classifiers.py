"""What the stages ``surrogate`` and ``target`` share: one small classifier, trained, described."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from lazyleap.classifiers import fit, store
from lazyleap.classifiers.options import Classifier
from lazyleap.datasets.store import ImageSet, Prepared
from lazyleap.errors import DivergedError
from lazyleap.places import at
from lazyleap.seeding import seed_torch
from lazyleap.setting import DeviceChoice
from stages import machine
from stages.inputs import Inputs
from stages.progress import Ticker


class Asked(NamedTuple):
    """One classifier: its grid, the device to train it on, its options, and who serves its kind."""

    grid: str
    device: DeviceChoice
    options: Any
    server: Any


def asked(params: str, stage: str, name: str) -> Asked:
    """What a stage is to make; InputError if there is no such classifier."""
    inputs = Inputs(params, stage, name)
    given = inputs.parameters
    machine.use(given["threads"])
    options = at(given["options_class"]).some(given["options"])
    return Asked(inputs.grid, given["device"], options, inputs.server)


def train(
    stage: str, name: str, options: Classifier, data: Prepared, rows: fit.Rows, device: DeviceChoice
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """A classifier trained on ``rows`` of the training images, and what there is to say of it."""
    images = data.split("train")
    about = describe(options, images, data) | {"kind": "trained", "outputs": "logits"}
    seed_torch(options.seed, "classifier")
    network = store.network(about).to(machine.device(device))
    ticker = Ticker(stage, name, options.epochs * (len(rows) // min(options.batch, len(rows))))
    try:
        fit.fit(
            network,
            images,
            rows,
            options,
            lambda done, _, loss: ticker.update(done, f"loss {loss:.3f}"),
        )
    except DivergedError as error:
        raise DivergedError(f"{name}: {error}") from error
    finally:
        ticker.close()
    return network.cpu(), about | {"trained_on": f"{len(rows)} training images"}


def describe(options: Any, images: ImageSet, data: Prepared) -> dict[str, Any]:
    """The options, the classes' names, and what the images look like."""
    info = data.info
    own = options.model_dump(exclude={"task", "source"}, exclude_none=True)
    return {
        "classes": len(images.classes),
        "mean": info["mean"],
        "std": info["std"],
        **own,
        "names": list(images.classes),
        "image": {key: info[key] for key in ("channels", "height", "width")},
        "dataset": info.get("name", ""),
        "dataset_digest": info["digest"],
    }
