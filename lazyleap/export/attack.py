"""The gradient predictor of an attack: pixels in 0..1 to a map of the same shape."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn

from lazyleap.bilevel import Tree
from lazyleap.datasets.store import Prepared
from lazyleap.export import ordinary
from lazyleap.export.kinds import Exported
from lazyleap.export.parity import REFERENCE, RUNTIME, Array, compare, session
from lazyleap.kinds.attack import predictor
from lazyleap.settings import Setting

MODEL, OUTPUT = "model.onnx", "gradients"
SINGLE, DOUBLE = 1e-4, 1e-7  # rounding allowed, times the largest entry or 1
BATCHES, FEW = (1, 7, 16), 2  # test images a call in ONNX Runtime; in the slow reference
WORDS = """\
A predictor of the gradient of a classifier's margin (log probability of the true class less the
largest other one) with respect to the pixels, meta-learned by {estimator} over {horizon} inner
steps on the surrogates {surrogates}. Its use is to measure how many queries one's own classifier
withstands: fine-tune a copy on measured differences, or take its map as it is.

## `model.onnx`: the predictor

| | name | type | meaning |
|---|---|---|---|
| input | `images` | float32 `[batch, {channels}, {height}, {width}]` | pixels in 0..1 |
| output | `gradients` | float32, like the images | in units of its largest absolute value |

Any batch size from 1; each image by itself. In attacks on held-out classifiers {metric} was
{value} ± {ci95} (95% interval).
"""


def export(setting: Setting, theta: Tree, data: Prepared) -> Exported:
    """The predictor as it was meta-learned; nothing for an attack without one.

    Checked on test images: in float64 by onnx's reference evaluator, and in ONNX Runtime in
    batches of several sizes.
    """
    if not theta:
        return Exported({}, (), {})
    network, double = _network(setting, theta, data), _network(setting, theta, data).double()
    model = _to_onnx(network, data)
    reference = ReferenceEvaluator(_to_onnx(double, data))
    few = [_pixels(data, FEW).astype(np.float64)]
    exact = [(reference.run(None, {"images": x})[0], _answer(double, x)) for x in few]
    run, feeds = session(model), [_pixels(data, n) for n in BATCHES]
    single = [(run.run(None, {"images": x})[0], _answer(network, x)) for x in feeds]
    checks = [
        compare(MODEL, OUTPUT, REFERENCE, exact, DOUBLE),
        compare(MODEL, OUTPUT, RUNTIME, single, SINGLE),
    ]
    return Exported({MODEL: model}, checks, {"pixels": "0..1", "surrogates": _names(setting)})


def describe(facts: Mapping[str, str]) -> str:
    """What it is for, its input and output."""
    return WORDS.format(**{**facts, **json.loads(facts["image"])})


def _names(setting: Setting) -> str:
    return ", ".join(setting.surrogates)


def _network(setting: Setting, theta: Tree, data: Prepared) -> nn.Module:
    network = predictor(setting, data.info)
    network.load_state_dict(dict(theta))
    return network.eval()


def _to_onnx(network: nn.Module, data: Prepared) -> onnx.ModelProto:
    shape = [data.info[key] for key in ("channels", "height", "width")]
    return ordinary.export(network, shape, outputs=[OUTPUT])


def _pixels(data: Prepared, count: int) -> Array:
    images = data.split("test").images
    rows = np.arange(count) % len(images)
    return images[rows].astype(np.float32) / np.float32(255)


def _answer(network: nn.Module, images: Array) -> Array:
    with torch.no_grad():
        found: Array = network(torch.from_numpy(images)).numpy()
    return found
