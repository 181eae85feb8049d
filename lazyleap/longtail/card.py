"""What the model card of a long-tailed classifier says of its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lazyleap.blocks import network_words
from lazyleap.onnx.card import percent, plain

MODEL = """\
## `model.onnx`: the classifier

Normalisation is inside the graph: give it pixels divided by 255. Any batch size from 1; images are
answered each by itself. `python -m stages.predict model.onnx IMAGES` does it all.

| | name | type | meaning |
|---|---|---|---|
| input | `images` | float32 `[batch, {channels}, {height}, {width}]` | pixels in 0..1 |
| output | `logits` | float32 `[batch, {classes}]` | in the order of the classes below |
| output | `probabilities` | float32 `[batch, {classes}]` | their softmax |
"""
NORMS = {
    "batch": "Batch normalisation uses the statistics collected in training.",
    "group": "Group normalisation: no statistics of other images.",
}


def describe(facts: Mapping[str, str]) -> str:
    """Summary, errors with their intervals, the file, its classes."""
    image, model = json.loads(facts["image"]), json.loads(facts["model"])
    parts = [
        _summary(facts, model),
        _errors(facts),
        MODEL.format(**facts, **image),
        NORMS.get(model.get("norm", ""), "") + "\n",
        _classes(facts),
    ]
    return "\n".join(parts)


def _summary(facts: Mapping[str, str], model: Mapping[str, Any]) -> str:
    how = facts["algorithm"]
    if facts["estimator"] != "none":
        steps = "step" if facts["horizon"] == "1" else "steps"
        how += f" with estimator {facts['estimator']} over {facts['horizon']} inner {steps}"
    return (
        f"Classification of {facts['classes']} classes, learned from a long tail (the largest "
        f"class has {facts['imbalance']} times the images of the smallest): "
        f"{network_words(model)}, examples weighted by {how}.\n"
    )


def _errors(facts: Mapping[str, str]) -> str:
    groups = {
        "error": "all images",
        "balanced_error": "all classes, each counted alike",
        "error@many": f"classes of more than {facts['many']} training images",
        "error@medium": "classes between",
        "error@few": f"classes of fewer than {facts['few']} training images",
    }
    scores = json.loads(facts["metrics"])
    rows = [
        f"| {words} | {percent(*scores[name])} |"
        for name, words in groups.items()
        if name in scores
    ]
    head = "| top-1 test error | 95% interval over test images |\n|---|---|"
    chance = "\nThat is no better than chance.\n" if json.loads(facts["at_chance"]) else ""
    return "\n".join([head, *rows]) + "\n" + chance


def _classes(facts: Mapping[str, str]) -> str:
    names, counts = json.loads(facts["class_names"]), json.loads(facts["train_images"])
    rows = [
        f"| {i} | {plain(name)} | {count:,} |"
        for i, (name, count) in enumerate(zip(names, counts, strict=True))
    ]
    head = "## Classes\n\n| output | class | training images |\n|---|---|---|"
    return "\n".join([head, *rows]) + "\n"
