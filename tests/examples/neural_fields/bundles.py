"""Runs of fields, as the export stage writes them, for the page."""

from __future__ import annotations

import json

import numpy as np
import torch

from lazyleap import MAML, Batch, adapt
from lazyleap.models import functional, weights
from lazyleap.onnx.metadata import annotate
from neural_fields import export, learned
from neural_fields.images import places
from neural_fields.learned import LearnedField
from neural_fields.siren import Siren
from tests.examples.conftest import draw

SIDE, STEPS, RATE = 16, 12, 0.02


def shape(name: str, channels: int = 1) -> np.ndarray:
    """``[C, SIDE, SIDE]`` in 0..1."""
    grey = np.asarray(draw(name, 1).resize((SIDE, SIDE)), np.float32)[None] / 255
    return np.concatenate([grey * (1 - 0.3 * c) for c in range(channels)])


def field(channels: int) -> LearnedField:
    """A start that was fitted to the ring, so that it knows it better than a random one does."""
    torch.manual_seed(0)
    network = Siren(channels, layers=2, width=16, w0=30.0)
    problem = MAML(functional(network), RATE, loss=torch.nn.functional.mse_loss)
    colours = torch.from_numpy(shape("ring", channels)).flatten(1).T.contiguous()
    theta = adapt(problem, weights(network), Batch(places(SIDE, SIDE), 2 * colours - 1), 200)
    network.load_state_dict(dict(theta))
    return LearnedField(network, problem, dict(theta))


def write(folder, channels: int, run: str = "ring"):
    """The files of a run, as the export stage writes them, and the field itself."""
    one = field(channels)
    image = {"channels": channels, "height": SIDE, "width": SIDE}
    facts = {"run": run, "dataset": "shapes", "image": json.dumps(image)}
    facts |= export.about(type("Setting", (), {"horizon": 3}), one)
    folder.mkdir()
    for name, made in (("adapt", learned.export(one)), ("fit", learned.export_free(one))):
        (folder / f"{name}.onnx").write_bytes(annotate(made, facts).SerializeToString())
    return one
