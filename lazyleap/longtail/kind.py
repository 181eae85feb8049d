"""Long-tailed classification: the chosen images, a running classifier, errors by class size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lazyleap.algorithms import Weighting
from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import ImageSet, Prepared
from lazyleap.errors import InputError
from lazyleap.kind import CURVE, Drawn, Preview, Verdict
from lazyleap.longtail.batches import Examples, MetaStream, Stream
from lazyleap.longtail.classifier import PREFIX, Classifier, Descent, answer, load_weights
from lazyleap.longtail.evaluation import measure
from lazyleap.longtail.learner import WeightedLearner
from lazyleap.longtail.means import ClassMeans
from lazyleap.longtail.network import build as build_network
from lazyleap.longtail.options import LongTailTask
from lazyleap.longtail.profile import LongTail, choose
from lazyleap.longtail.weigher import Sources, weigher
from lazyleap.seeding import generator, seed_torch
from lazyleap.setting import Setting
from lazyleap.statistics import cells
from lazyleap.trees import Tree

Options, CLASSIFIERS = LongTailTask, False
EXPORTER, REPORTER = "lazyleap.longtail.export", "lazyleap.longtail.report"
NEEDS = "weights for the examples of a mini-batch (a Weighting, or a baseline with a weigher)"
KEEP = "last"  # a published schedule ends where it means to, and no images are left to choose by
SHOWN = 16  # images of a preview
TRAIN, TEST = "train/images/longtail.npz", "test/images/longtail.npz"


def takes(algorithm: Any) -> bool:
    """Whether it weighs examples, by what it learns or by a rule."""
    return issubclass(algorithm, Weighting) or hasattr(algorithm, "weigher")


def check(setting: Setting) -> None:
    """All is said by the schema."""


def draw(sets: Mapping[str, ImageSet], options: LongTailTask) -> dict[str, Drawn]:
    """The images that every setting learns from; beside the test images for their counts."""
    train, test = sets["train"], sets["test"]
    if train.classes != test.classes:
        raise InputError(
            f"reader '{options.dataset.reader}' has other classes in train than in test: "
            "long-tailed classification needs the same"
        )
    fixed = options.draw
    chance = generator(fixed.seed, "longtail")
    tail = choose(train, fixed.imbalance, fixed.meta_per_class, chance)
    return {TRAIN: tail, TEST: tail}


def learner(setting: Setting, data: Prepared, device: torch.device) -> WeightedLearner:
    """The running classifier of a setting, its weigher, and the mini-batches."""
    options, images = task(setting).training, data.split("train")
    tail = LongTail.load(data.folder / "longtail.npz")
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
    held = meta.batch(tail.meta, None)
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


def judge(setting: Setting, theta: Tree, data: Prepared, device: torch.device) -> Verdict:
    """Errors over the whole test set; the curve is recall by class, the largest first."""
    images, options = data.split("test"), task(setting).test
    tail = LongTail.load(data.folder / "longtail.npz")
    model = network(setting, len(images.classes), data.info, running=True).to(device)
    pixels = Pixels(images, data.info["mean"], data.info["std"], device)
    logits = answer(model, tree(theta), pixels[np.arange(len(images.labels))])
    items, metrics = measure(
        logits.cpu().numpy(), np.array(images.labels), tail.counts, **options.model_dump()
    )
    order = np.argsort(-tail.counts, kind="stable")
    rows = [
        (i, *cells(metrics["recall"][c]), tail.counts[c], images.classes[c])
        for i, c in enumerate(order)
    ]
    about = {
        "classes": list(images.classes),
        "train_images": tail.counts.tolist(),
        "imbalance": task(setting).draw.imbalance,
        "norm": getattr(task(setting).model, "norm", ""),
        "train_digest": tail.digest,
        "test_digest": data.info["digest"],
    }
    return Verdict(metrics | about, [(*CURVE, "train_images", "class"), *rows], items)


def network(
    setting: Setting, classes: int, image: Mapping[str, int], *, running: bool
) -> nn.Module:
    """The network of a setting; LDAM's head is a cosine one."""
    scale = setting.option("scale")
    return build_network(task(setting).model, classes, image, running=running, scale=scale)


def tree(theta: Tree) -> dict[str, Tensor]:
    """The classifier's part of what training kept."""
    return {n.removeprefix(PREFIX): p for n, p in theta.items() if n.startswith(PREFIX)}


def task(setting: Setting) -> LongTailTask:
    """The setting's task, of this kind."""
    assert isinstance(setting.task, LongTailTask)
    return setting.task


def _counts(tail: LongTail, device: torch.device) -> Tensor:
    return torch.from_numpy(tail.counts).to(device)
