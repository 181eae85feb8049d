"""What a meta-iteration of a gradient predictor costs against the horizon: one run, side by side.

    python -m benchmarks.horizon_attack --out docs/results/cost-attack

Lazy, exact and unrolled on random pairs of MNIST's size: what they show does not matter here. What
is measured: ``benchmarks/cost.py``.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks.cost import Setting, estimators, measure, write
from lazyleap.algorithms import MetaAttack
from lazyleap.bilevel import Batch, Task
from lazyleap.models import functional, weights
from lazyleap.models.predictor import Predictor
from lazyleap.training.meta_learner import MetaLearner
from lazyleap.training.outer import OuterOptions
from stages import machine
from stages.program import run

SHAPE = (1, 28, 28)
ESTIMATORS = estimators("start")
OUTER = OuterOptions("adam", 0.003, "constant", None, 1000)


def make(setting: Setting, tiny: bool, width: int, pairs: int, device: torch.device) -> MetaLearner:
    """As ``benchmarks.cost`` asks for it: a meta-batch of two tasks, the same at each iteration."""
    _, estimator, horizon = setting
    torch.manual_seed(0)
    network = Predictor(SHAPE[0], 1 if tiny else width).to(device)
    tasks = [task(2 if tiny else pairs, horizon, device, seed) for seed in range(2)]
    return MetaLearner(
        MetaAttack(functional(network), 0.05),
        ESTIMATORS[estimator],
        weights(network),
        OUTER,
        sample=lambda _: tasks,
        accuracy=lambda *_: 0.0,
        score=lambda _: {},
    )


def task(pairs: int, horizon: int, device: torch.device, seed: int) -> Task:
    """Random images and gradients, ``pairs`` for the inner steps and as many for the outer loss."""
    chance = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(4, pairs, *SHAPE, generator=chance)[i].to(device) for i in range(4)]
    return Task([Batch(drawn[0], drawn[1])] * horizon, Batch(drawn[2], drawn[3]))


def main(
    out: Annotated[str, typer.Option(help="folder of the numbers and drawings")] = ".",
    horizons: Annotated[str, typer.Option(help="k, with commas between")] = "1,2,5,10,20",
    rounds: Annotated[int, typer.Option(help="iterations of each setting that are timed")] = 7,
    width: int = 8,
    pairs: int = 16,
    device: str = "cpu",
) -> None:
    """Measure, print and write cost.csv, cost.json, seconds.svg and memory.svg."""
    torch.set_num_threads(1)
    chosen = machine.device(device)
    made = machine.describe(chosen, 1)
    ks = [int(k) for k in horizons.split(",")]
    settings = list(product(("meta_attack",), ESTIMATORS, ks))
    maker = partial(make, width=width, pairs=pairs, device=chosen)
    table = measure(settings, maker, rounds, chosen)
    facts = {
        **made,
        **{"width": width, "pairs": pairs, "rounds": rounds},
    }
    write(Path(out), table, facts)
    print(json.dumps(facts, indent=1))
    print(table.to_markdown(index=False, floatfmt=".3g"))


if __name__ == "__main__":
    run(main)
