"""What the model card of a few-shot run says of its two files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lazyleap.blocks import network_words
from lazyleap.onnx.card import percent
from lazyleap.onnx.metadata import ENDS

ADAPT = """\
## `adapt.onnx`: learns a new task inside ONNX Runtime

Give it a support set; it takes the inner steps itself and answers the queries. No PyTorch.

| | name | type | meaning |
|---|---|---|---|
| input | `support_images` | float32 `[S, {channels}, {height}, {width}]` | pixels in 0..1 |
| input | `support_labels` | int64 `[S]` | of the support images, 0..{last} |
| input | `query_images` | float32 `[Q, {channels}, {height}, {width}]` | pixels in 0..1 |
| input | `adaptation_steps` | int64 `[]` | inner steps; recommended {adaptation_steps} |
| input | `inner_lr` | float32 `[]` | {rate}; recommended {inner_lr} |
| output | `query_logits` | float32 `[Q, {classes}]` | softmax gives probabilities |
| output | `support_losses` | float32 `[steps]` | the loss before each step |

S and Q are any number from 1, steps any from 0. The graph checks nothing: labels outside
0..{last}, an empty support set, pixels that are not numbers or a negative rate give meaningless
answers, and who calls it must refuse them. With fewer classes than {classes} in the support set,
leave the logits of the others out.
"""

BATCHES = """\
In training and in the test an inner step saw {inner_batch} images, others at every step. Here every
step sees the whole support set: smoother steps at the same rate, and not what the score is of.
"""

MODEL = """\
## `model.onnx`: the network at the meta-learned start

It has not learned any classes yet: fine-tune it on a support set, or use its features.

| | name | type | meaning |
|---|---|---|---|
| input | `images` | float32 `[batch, {channels}, {height}, {width}]` | pixels in 0..1 |
| output | `logits` | float32 `[batch, {classes}]` | of {classes} classes that have no names yet |
| output | `features` | float32 `[batch, d]` | what the last layer reads |
"""

TRANSDUCTIVE = """\
Batch normalisation uses the statistics of the batch at hand, so the images of one call depend on
each other: an image is answered otherwise alone than among others.
"""

HALF = """\
All normalise the images themselves. `adapt.half.onnx` and `model.half.onnx` are the same with
weights stored in half precision: smaller, with the same inputs and outputs, computed in float32.
"""


def describe(facts: Mapping[str, str]) -> str:
    """Summary, both files with inputs and outputs, and how they normalise."""
    image, model = json.loads(facts["image"]), json.loads(facts["model"])
    learned_rates = facts["algorithm"] == "meta_sgd"
    rate = "multiplies the learned rates" if learned_rates else "the rate of a step"
    words = {**facts, **image, "last": int(facts["classes"]) - 1, "rate": rate}
    parts = [
        _summary(facts, model),
        ADAPT.format(**words),
        BATCHES.format(**words) if "inner_batch" in facts else "",
        MODEL.format(**words),
        TRANSDUCTIVE if model.get("norm") == "batch" else "",
        HALF,
    ]
    return "\n".join(part for part in parts if part)


def _summary(facts: Mapping[str, str], model: Mapping[str, Any]) -> str:
    score = percent(*(float(facts[key]) for key in ENDS))
    chance = ", which is chance" if json.loads(facts["at_chance"]) else ""
    return (
        f"{facts['classes']}-way {facts['shot']}-shot classification: {network_words(model)}, "
        f"meta-learned by {facts['algorithm']} with estimator {facts['estimator']} over "
        f"{facts['horizon']} inner steps. Test `{facts['metric']}` after learning each episode's "
        f"support set: {score}{chance}.\n"
    )
