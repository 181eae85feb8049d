"""The classifier of a long-tailed run: pixels in 0..1 to logits and probabilities."""

from __future__ import annotations

import json

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from lazyleap.bilevel import Tree
from lazyleap.datasets.store import Prepared
from lazyleap.export import ordinary
from lazyleap.export.card_longtail import describe
from lazyleap.export.kinds import Exported
from lazyleap.export.parity import REFERENCE, RUNTIME, Array, Check, compare, session
from lazyleap.kinds.longtail import network, task, tree
from lazyleap.settings import Setting
from lazyleap.tasks.longtail import LongTail

__all__ = ["describe", "export"]

MODEL = "model.onnx"
OUTPUTS = ("logits", "probabilities")
SINGLE, DOUBLE = 1e-4, 1e-7  # rounding allowed, times the largest logit or 1
BATCHES, FEW = (1, 7, 56), 2  # test images a call in ONNX Runtime; in the slow reference


class Answers(nn.Module):
    """Logits ``[n, C]`` of a network, and their softmax."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Of images as the network takes them."""
        logits = self.network(images)
        return logits, logits.softmax(1)


def export(setting: Setting, theta: Tree, data: Prepared) -> Exported:
    """The classifier with its running statistics, checked on test images.

    Checked twice: the same graph in float64 by onnx's reference evaluator, where no rounding
    excuses a difference, and in ONNX Runtime in batches of several sizes.
    """
    plain = module(setting, theta, data)
    model = _to_onnx(plain, data)
    double = module(setting, theta, data).double()
    checks = [_double(double, data), *_single(model, plain, data)]
    return Exported({MODEL: model}, checks, about(setting, data))


def module(setting: Setting, theta: Tree, data: Prepared) -> nn.Module:
    """What the file holds: normalisation, the network in evaluation mode, softmax."""
    classes = len(data.info["splits"]["test"]["classes"])
    made = network(setting, classes, data.info, running=True)
    made.load_state_dict(tree(theta))
    return ordinary.Normalised(Answers(made), data.info["mean"], data.info["std"]).eval()


def about(setting: Setting, data: Prepared) -> dict[str, str]:
    """Names and sizes of the classes, the range of pixels, what "few" means."""
    counts = LongTail.load(data.folder / "longtail.npz").counts
    return {
        "pixels": "0..1",
        "class_names": json.dumps(data.info["splits"]["test"]["classes"], ensure_ascii=False),
        "train_images": json.dumps(counts.tolist()),
        "imbalance": f"{counts.max() / counts.min():g}",
        "many": str(task(setting).test.many),
        "few": str(task(setting).test.few),
    }


def _to_onnx(plain: nn.Module, data: Prepared) -> onnx.ModelProto:
    shape = [data.info[key] for key in ("channels", "height", "width")]
    return ordinary.export(plain, shape, outputs=OUTPUTS)


def _pixels(data: Prepared, start: int, count: int) -> Array:
    images = data.split("test").images
    rows = np.arange(start, start + count) % len(images)
    return images[rows].astype(np.float32) / np.float32(255)


def _double(exact: nn.Module, data: Prepared) -> Check:
    run = ReferenceEvaluator(_to_onnx(exact, data))
    images = _pixels(data, 0, FEW).astype(np.float64)
    pairs = zip(run.run(None, {"images": images}), _answers(exact, images), strict=True)
    return compare(MODEL, "logits and probabilities", REFERENCE, pairs, DOUBLE)


def _single(model: onnx.ModelProto, plain: nn.Module, data: Prepared) -> list[Check]:
    run = session(model)
    starts = np.cumsum((0, *BATCHES))
    feeds = [_pixels(data, start, n) for start, n in zip(starts, BATCHES, strict=False)]
    found = [run.run(None, {"images": images}) for images in feeds]
    expected = [_answers(plain, images) for images in feeds]
    return [
        compare(
            MODEL,
            name,
            RUNTIME,
            [(a[i], b[i]) for a, b in zip(found, expected, strict=True)],
            SINGLE,
        )
        for i, name in enumerate(OUTPUTS)
    ]


def _answers(plain: nn.Module, images: Array) -> list[Array]:
    with torch.no_grad():
        return [output.numpy() for output in plain(torch.from_numpy(images))]
