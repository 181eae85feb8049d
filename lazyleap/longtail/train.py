"""The running classifier of a setting, its weigher, and the mini-batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import Prepared
from lazyleap.kind import Preview
from lazyleap.longtail.batches import Examples, MetaStream, Stream
from lazyleap.longtail.classifier import Classifier, Descent, load_weights
from lazyleap.longtail.learner import WeightedLearner
from lazyleap.longtail.means import ClassMeans
from lazyleap.longtail.network import network
from lazyleap.longtail.options import task
from lazyleap.longtail.profile import LongTail
from lazyleap.longtail.weigher import Sources, weigher
from lazyleap.seeding import seed_torch
from lazyleap.setting import Setting

KEEP = "last"  # a published schedule ends where it means to, and no images are left to choose by
SHOWN = 16  # images of a preview


def learner(setting: Setting, data: Prepared, device: torch.device) -> WeightedLearner:
    """The running classifier of a setting, its weigher, and the mini-batches."""
    options, images = task(setting).training, data.split("train")
    sizes = len(images.classes), len(images.labels)
    tail = LongTail.load(data.folder / "longtail.npz", *sizes)
    pixels = Pixels(images, data.info["mean"], data.info["std"], device)
    augment = options.augment.model_dump()
    examples = Examples(pixels, images.labels, tail.train, **augment)
    meta = Examples(pixels, images.labels, tail.meta, **augment)
    stream = Stream(examples, options.batch, setting.seed, setting.horizon)
    seed_torch(setting.seed, "network")
    running = network(setting, len(images.classes), data.info, running=True)
    if options.start is not None:
        load_weights(running, Path(options.start))
    virtual = network(setting, len(images.classes), data.info, running=False).to(device)
    means = ClassMeans(len(images.classes), setting.algorithm_options.mean_decay, device)
    meta_stream = MetaStream(meta, options.meta_batch, setting.seed)
    sources = Sources(stream, meta_stream, means, _counts(tail, device))
    state = Classifier(running.to(device), Descent.of(options, setting.meta_iterations))
    held = meta.batch(tail.validation, None)
    return WeightedLearner(state, weigher(setting, virtual, sources), stream, means, held)


def pictures(learner: WeightedLearner) -> dict[str, Tensor]:
    """The first training images of the rarest classes, a row each, and what the meta set has."""
    examples = learner.stream.examples
    labels = examples.labels[examples.rows]
    rare = np.argsort(np.bincount(labels), kind="stable")[:3]
    rows = [examples.rows[labels == c] for c in rare]
    width = min(8, *(len(row) for row in rows))
    cells = torch.stack([examples.pixels[row[:width]] for row in rows])
    return {"images/rarest_classes": cells}


def preview(learner: WeightedLearner) -> dict[str, Preview]:
    """The rarest images of the mini-batch last logged, ``LABEL: n w``; 1 is an even share."""
    if learner.seen is None:
        return {}
    batch, weights = learner.seen
    examples = learner.stream.examples
    counts = np.bincount(examples.labels[examples.rows])
    labels = batch.targets.cpu().numpy()
    rare = np.argsort(counts[labels], kind="stable")[:SHOWN]
    shares = (len(labels) * weights).tolist()
    words = [f"{labels[i]}: {shares[i]:.2f}" for i in rare]
    return {"images/rarest_with_weights": Preview(batch.inputs[torch.from_numpy(rare)], words)}


def classes(setting: Setting, data: Prepared) -> int:
    """All classes of the data set."""
    del setting
    return len(data.info["splits"]["train"]["classes"])


def _counts(tail: LongTail, device: torch.device) -> Tensor:
    return torch.from_numpy(tail.counts).to(device)
