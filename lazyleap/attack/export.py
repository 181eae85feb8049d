"""The gradient predictor of an attack: pixels in 0..1 to a map of the same shape."""

from __future__ import annotations

import json
from collections.abc import Mapping

from lazyleap.attack.network import predictor
from lazyleap.attack.options import task
from lazyleap.datasets.store import Prepared
from lazyleap.onnx import answers
from lazyleap.onnx.exports import Exported
from lazyleap.setting import Setting
from lazyleap.tensorfile import fit
from lazyleap.trees import Tree

MODEL, OUTPUT = "model.onnx", "gradients"
WORDS = """\
A predictor of the gradient of a classifier's margin (log probability of the true class less the
largest other one; of an attack {goal}) with respect to the pixels, meta-learned by {estimator}
over {horizon} inner steps on the surrogates {surrogates}. Its use is to measure how many queries
a classifier withstands: fine-tune a copy on measured differences, or take its map as it is.

## `model.onnx`: the predictor

| | name | type | meaning |
|---|---|---|---|
| input | `images` | float32 `[batch, {channels}, {height}, {width}]` | pixels in 0..1 |
| output | `gradients` | float32, like the images | in units of its largest absolute value |

Any batch size from 1; each image by itself.

| attacks on held-out classifiers, {norm} up to {epsilon}, {budget} queries | with 95% interval |
|---|---|
{scores}
"""


def export(setting: Setting, theta: Tree, data: Prepared) -> Exported:
    """The predictor as it was meta-learned, checked on test images; nothing without one."""
    asked = task(setting).test
    about = {key: str(getattr(asked, key)) for key in ("goal", "norm", "epsilon", "budget")}
    if not theta:
        return Exported({}, [], about)
    network = predictor(setting, data.info)
    fit(theta, network)
    network.load_state_dict(dict(theta))
    model, checks = answers.export(MODEL, network.eval(), data, (OUTPUT,))
    about |= {"pixels": "0..1", "surrogates": ", ".join(setting.surrogates)}
    return Exported({MODEL: model}, checks, about)


def describe(facts: Mapping[str, str]) -> str:
    """What it is for, its input and output, and how attacks with it went."""
    found = json.loads(facts["metrics"]).items()
    rows = [f"| {name} | {v:,.4g} ({low:,.4g} .. {high:,.4g}) |" for name, (v, low, high) in found]
    return WORDS.format(**facts, **json.loads(facts["image"]), scores="\n".join(rows))
