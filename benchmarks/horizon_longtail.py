"""What a training step on a long tail costs against the horizon: lazy, exact, unrolled, one run.

    python -m benchmarks.horizon_longtail --out docs/results/cost-longtail

Times are of whole training steps (the meta-problem and the classifier's real step) on random images
of CIFAR's size: what they show does not matter here. What is measured: ``benchmarks/cost.py``.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from benchmarks.cost import Setting, estimators, measure, write
from lazyleap.algorithms import Reweight, WeightNet, weight_net
from lazyleap.bilevel import Batch
from lazyleap.longtail.classifier import Classifier, Descent
from lazyleap.longtail.learned import Ahead, Examples, Net
from lazyleap.longtail.learner import WeightedLearner
from lazyleap.longtail.means import ClassMeans
from lazyleap.longtail.network import build as build_network
from lazyleap.longtail.options import ClassifierOptions
from lazyleap.models import functional
from lazyleap.models.layout import channels_last
from lazyleap.training.outer import OuterOptimizer, OuterOptions
from lazyleap.trees import Tree
from stages import machine
from stages.program import run

CLASSES, SHAPE = 10, (3, 32, 32)
ESTIMATORS = estimators("end")
OUTER = OuterOptions("adam", 0.001, "constant", None, 1000)
DESCENT = Descent(0.1, 0.9, 5e-4, 0.0, (), 0.1, 1000)
Horizons = Annotated[str, typer.Option(help="k, with commas between")]


class Numbered:
    """Mini-batch 0, 1, 2, ... of random images; few different ones, kept."""

    def __init__(self, size: int, device: torch.device, seed: int) -> None:
        chance = torch.Generator().manual_seed(seed)
        self.batches = [
            Batch(
                channels_last(torch.randn(size, *SHAPE, generator=chance).to(device)),
                torch.randint(CLASSES, (size,), generator=chance).to(device),
            )
            for _ in range(4)
        ]

    def __getitem__(self, number: int) -> Batch:
        return self.batches[number % len(self.batches)]


def learner(
    setting: Setting, options: ClassifierOptions, batch: int, device: torch.device
) -> WeightedLearner:
    """The learner of a setting, at the start that all have."""
    algorithm, estimator, horizon = setting
    image = dict(zip(("channels", "height", "width"), SHAPE, strict=True))
    torch.manual_seed(0)
    state = Classifier(build_network(options, CLASSES, image, running=True).to(device), DESCENT)
    virtual = build_network(options, CLASSES, image, running=False).to(device)
    stream: Any = Numbered(batch, device, 0)
    meta: Any = Numbered(batch, device, 1)
    ahead, means = Ahead(stream, meta, horizon, "last"), ClassMeans(CLASSES, 0.9, device)
    made = Reweight if algorithm == "reweight" else WeightNet
    forward = functional(virtual)

    def problem(classifier: Tree | None = None, share: float = 1.0) -> Reweight | WeightNet:
        return made(forward, classifier or {}, 0.1 * share)

    parts = problem, ESTIMATORS[estimator], ahead
    if algorithm == "reweight":
        return WeightedLearner(state, Examples(*parts, means, 10**9), stream, means, meta[0])
    start: dict[str, Tensor] = {n: p.to(device) for n, p in weight_net.start(100).items()}
    return WeightedLearner(state, Net(*parts, OuterOptimizer(start, OUTER)), stream, means, meta[0])


def make(
    setting: Setting, tiny: bool, options: ClassifierOptions, batch: int, device: torch.device
) -> WeightedLearner:
    """As ``benchmarks.cost`` asks for it."""
    if tiny:
        return learner(setting, options.model_copy(update={"width": 1}), 2, device)
    return learner(setting, options, batch, device)


def main(
    out: Annotated[str, typer.Option(help="folder of the numbers and drawings")] = ".",
    horizons: Horizons = "1,2,5,10,20",
    rounds: Annotated[int, typer.Option(help="steps of each setting that are timed")] = 5,
    backbone: str = "resnet8",
    width: int = 8,
    batch: int = 100,
    device: str = "cpu",
) -> None:
    """Measure, print and write cost.csv, cost.json, seconds.svg and memory.svg."""
    torch.set_num_threads(1)
    chosen = machine.device(device)
    made = machine.describe(chosen, 1)
    options = ClassifierOptions(
        backbone=backbone,  # type: ignore[arg-type]
        width=width,
        norm="batch",
        downsample="stride",
    )
    ks = [int(k) for k in horizons.split(",")]
    settings = list(product(("reweight", "weight_net"), ESTIMATORS, ks))
    table = measure(
        settings, partial(make, options=options, batch=batch, device=chosen), rounds, chosen
    )
    facts = {
        **made,
        **{"backbone": backbone, "width": width, "batch": batch, "rounds": rounds},
    }
    write(Path(out), table, facts)
    print(json.dumps(facts, indent=1))
    print(table.to_markdown(index=False, floatfmt=".3g"))


if __name__ == "__main__":
    run(main)
