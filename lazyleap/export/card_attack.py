"""What the model card of a gradient predictor says of its file."""

from __future__ import annotations

import json
from collections.abc import Mapping

MODEL = """\
## `model.onnx`: the gradient predictor

Where would a classifier of these classes give way? The map points to where its loss rises: the
gradient of an {goal} attack's objective with respect to the pixels, up to its length. It was
learned from surrogates and starts an attack that corrects it by queries; alone, without
corrections, it is a guess. Meant for measuring the robustness of one's own models.

| | name | type | meaning |
|---|---|---|---|
| input | `images` | float32 `[batch, {channels}, {height}, {width}]` | pixels in 0..1 |
| output | `gradient_map` | float32, of the same shape | largest entries about 1 in size |

Any batch size from 1; images are answered each by itself.
"""


def describe(facts: Mapping[str, str]) -> str:
    """Summary, and the file with its input and output."""
    image, scores = json.loads(facts["image"]), json.loads(facts["metrics"])
    rows = [
        f"| {name} | {value:,.4g} ± {ci95:,.3g} |" for name, (value, ci95) in sorted(scores.items())
    ]
    head = "| measured on held-out targets | with 95% interval |\n|---|---|"
    return "\n".join([_summary(facts), head, *rows, "", MODEL.format(**facts, **image)])


def _summary(facts: Mapping[str, str]) -> str:
    steps = "step" if facts["horizon"] == "1" else "steps"
    return (
        f"Black-box attack, {facts['goal']}, within {facts['norm']} distance {facts['epsilon']} "
        f"and {facts['budget']} queries an image: predictor meta-learned with estimator "
        f"{facts['estimator']} over {facts['horizon']} inner {steps}.\n"
    )
