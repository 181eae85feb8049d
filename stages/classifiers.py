"""What the stages ``surrogate`` and ``target`` share: one small classifier, trained, described."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lazyleap.classifiers import fit, store
from lazyleap.classifiers.options import Classifier
from lazyleap.datasets.store import ImageSet, Prepared
from lazyleap.errors import DivergedError, InputError, nearest
from lazyleap.seeding import seed_torch
from lazyleap.settings import Settings, load
from stages import machine
from stages.progress import Ticker


def find(params: str, block: str, name: str) -> tuple[Settings, Any]:
    """All settings, and the options of one classifier; InputError if there is none so named."""
    settings = load(Path(params))
    table: Mapping[str, Any] = getattr(settings, block)
    if name not in table:
        hint = nearest(name, table) if table else "there is none"
        raise InputError(f"{params}: '{name}' is not in {block}; {hint}")
    torch.set_num_threads(settings.threads)
    return settings, table[name]


def train(
    stage: str, name: str, options: Classifier, data: Prepared, rows: fit.Rows, device: str
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
    own = options.model_dump(exclude={"task", "source"})
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
