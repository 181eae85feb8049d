"""The model card: the file's own facts, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lazyleap.export.parity import Parity

MODEL = """\
## `model.onnx`: the network at the meta-learned start

It has not learned any classes yet: fine-tune it on a support set, or use its features. The
normalisation of the images is inside.

| | name | type | meaning |
|---|---|---|---|
| input | `images` | float32 `[batch, {channels}, {height}, {width}]` | pixels in 0..1 |
| output | `logits` | float32 `[batch, {classes}]` | of {classes} classes that have no names yet |
| output | `features` | float32 `[batch, d]` | what the last layer reads |
"""

TRANSDUCTIVE = """\
Its batch normalisation uses the statistics of the batch at hand, so the images of one call depend
on each other, and an image is answered otherwise alone than among others.
"""


def card(facts: Mapping[str, str], parities: Mapping[str, Parity]) -> str:
    """Markdown of :func:`lazyleap.export.metadata.facts` and of the checks, by file."""
    image, model = json.loads(facts["image"]), json.loads(facts["model"])
    parts = [
        f"# {facts['run']}",
        _summary(facts, model),
        MODEL.format(**image, classes=facts["classes"]),
        TRANSDUCTIVE if model["norm"] == "batch" else "",
        _checks(parities),
        _facts(facts),
        f"## Data\n\n{facts['dataset']}. Licence: {facts['licence']}. Cite: {facts['citation']}\n",
    ]
    return "\n".join(part for part in parts if part)


def _summary(facts: Mapping[str, str], model: Mapping[str, Any]) -> str:
    value, ci95 = 100 * float(facts["value"]), 100 * float(facts["ci95"])
    return (
        f"{facts['classes']}-way {facts['shot']}-shot classification: {model['backbone']} of width "
        f"{model['width']} with {model['norm']} normalisation, meta-learned by "
        f"{facts['algorithm']} with estimator {facts['estimator']} over {facts['horizon']} inner "
        f"steps. Test `{facts['metric']}` after learning each episode's support set: "
        f"{value:.1f} ± {ci95:.1f} %.\n"
    )


def _checks(parities: Mapping[str, Parity]) -> str:
    head = "## Checked against PyTorch\n\n| file | by | cases | largest difference | allowed |\n"
    rows = [
        f"| `{name}` | {p.runtime} | {p.cases} | {p.max_abs_diff:.1e} | {p.tolerance:.1e} |\n"
        for name, p in parities.items()
    ]
    return head + "|---|---|---|---|---|\n" + "".join(rows)


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(f"| {name} | `{value}` |\n" for name, value in facts.items())
    return f"## Facts (also in each file's `metadata_props`)\n\n| | |\n|---|---|\n{rows}"
