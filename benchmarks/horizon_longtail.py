"""What a training step on a long tail costs against the horizon: lazy, exact, unrolled, one run.

    python -m benchmarks.horizon_longtail --out docs/results/cost-longtail

Times are of whole training steps (the meta-problem and the classifier's real step) on random images
of CIFAR's size: what they show does not matter here. All settings take turns in one process, in
another order each round, so that what else the machine does falls on all alike; ratios are to lazy
at k = 1 in the same round. CPU seconds on a CPU, wall seconds on a GPU. Peak memory is that of a
process of its own for each setting, less what the same process held before its first step.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Sequence
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import altair as alt
import numpy as np
import pandas as pd
import torch
import typer
import vl_convert
from torch import Tensor

from lazyleap.algorithms import weight_net
from lazyleap.bilevel import Batch
from lazyleap.config_longtail import ClassifierOptions
from lazyleap.estimators import Estimator, Exact, Lazy, Unrolled
from lazyleap.learner import OuterOptimizer, OuterOptions
from lazyleap.models import classifier as build_network
from lazyleap.models import functional
from lazyleap.training import peak_memory_mib
from lazyleap.weighting.classifier import Classifier, Descent
from lazyleap.weighting.learned import Ahead, Examples, Net
from lazyleap.weighting.learner import WeightedLearner
from lazyleap.weighting.means import ClassMeans
from stages import machine
from stages.program import run

NAME = "benchmarks.horizon_longtail"
CLASSES, SHAPE = 10, (3, 32, 32)
ESTIMATORS: dict[str, Estimator] = {
    "lazy": Lazy(placement="end"),
    "exact": Exact(),
    "unrolled": Unrolled(),
}
OUTER = OuterOptions("adam", 0.001, "constant", None, 1000)
DESCENT = Descent(0.1, 0.9, 5e-4, 0.0, (), 0.1, 1000)
Setting = tuple[str, str, int]  # algorithm, estimator, horizon
Horizons = Annotated[str, typer.Option(help="k, with commas between")]


class Numbered:
    """Mini-batch 0, 1, 2, ... of random images; few different ones, kept."""

    def __init__(self, size: int, device: torch.device, seed: int) -> None:
        chance = torch.Generator().manual_seed(seed)
        self.batches = [
            Batch(
                torch.randn(size, *SHAPE, generator=chance).to(device),
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
    parts = functional(virtual), ESTIMATORS[estimator], ahead, 0.1
    if algorithm == "reweight":
        return WeightedLearner(state, Examples(*parts, means, 10**9), stream, means, meta[0])
    start: dict[str, Tensor] = {n: p.to(device) for n, p in weight_net.start(100).items()}
    return WeightedLearner(state, Net(*parts, OuterOptimizer(start, OUTER)), stream, means, meta[0])


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
    options = ClassifierOptions(
        backbone=backbone,  # type: ignore[arg-type]
        width=width,
        norm="batch",
        downsample="stride",
    )
    ks = [int(k) for k in horizons.split(",")]
    settings = list(product(("reweight", "weight_net"), ESTIMATORS, ks))
    used = apart(settings, options, batch, chosen)  # first, while this process holds nothing
    table = rows(settings, seconds(settings, options, batch, chosen, rounds))
    table["peak_memory_mib"], table["memory_of_steps_mib"] = zip(*used, strict=True)
    facts = {
        **machine.describe(chosen, 1),
        "command": shlex.join(["python", "-m", NAME, *sys.argv[1:]]),
        **{"backbone": backbone, "width": width, "batch": batch, "rounds": rounds},
    }
    write(Path(out), table, facts)
    print(json.dumps(facts, indent=1))
    print(table.to_markdown(index=False, floatfmt=".3g"))


def seconds(
    settings: Sequence[Setting],
    options: ClassifierOptions,
    batch: int,
    device: torch.device,
    rounds: int,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """``[rounds, settings]``, after a step of each that is not counted."""
    learners = [learner(setting, options, batch, device) for setting in settings]
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    chance = np.random.default_rng(0)
    found = np.zeros((rounds + 1, len(settings)))
    for turn in range(rounds + 1):
        for place in chance.permutation(len(settings)):
            start = clock()
            learners[place].step(turn, describe=False)
            if device.type == "cuda":
                torch.cuda.synchronize()
            found[turn, place] = clock() - start
        print(f"round {turn} of {rounds}", file=sys.stderr, flush=True)
    return found[1:]


def rows(settings: Sequence[Setting], times: np.ndarray[Any, np.dtype[np.float64]]) -> pd.DataFrame:
    """A row a setting: median seconds, and ratios to lazy at the first horizon of the algorithm."""
    first = min(k for _, _, k in settings)
    base = {a: times[:, settings.index((a, "lazy", first))] for a, _, _ in settings}
    return pd.DataFrame(
        [
            {
                "algorithm": setting[0],
                "estimator": setting[1],
                "horizon": setting[2],
                "seconds": float(np.median(times[:, i])),
                "ratio": float(np.median(times[:, i] / base[setting[0]])),
                "least": float((times[:, i] / base[setting[0]]).min()),
                "largest": float((times[:, i] / base[setting[0]]).max()),
            }
            for i, setting in enumerate(settings)
        ]
    )


def memory(
    setting: Setting, options: ClassifierOptions, batch: int, device: torch.device
) -> tuple[float, float]:
    """Peak MiB of this process in two steps, and how much of it the steps took."""
    small = options.model_copy(update={"width": 1})
    learner((setting[0], "lazy", 1), small, 2, device).step(0, describe=False)  # loads libraries
    ready = learner(setting, options, batch, device)
    before = peak_memory_mib()
    for i in range(2):
        ready.step(i, describe=False)
    return peak_memory_mib(), peak_memory_mib() - before


def apart(
    settings: Sequence[Setting], options: ClassifierOptions, batch: int, device: torch.device
) -> list[tuple[float, float]]:
    """:func:`memory` of each setting in a process of its own."""
    measure = partial(memory, options=options, batch=batch, device=device)
    context = get_context("fork" if device.type == "cpu" else "spawn")  # no GPU outlives a fork
    with context.Pool(1, maxtasksperchild=1) as pool:
        return pool.map(measure, settings, chunksize=1)


def write(folder: Path, table: pd.DataFrame, facts: dict[str, Any]) -> None:
    """Numbers and drawings."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "cost.csv", index=False, float_format="%.4f", lineterminator="\n")
    (folder / "cost.json").write_text(json.dumps(facts, indent=1) + "\n")
    for field, title in (
        ("ratio", "time of a training step (lazy at k = 1: 1)"),
        ("memory_of_steps_mib", "peak memory of the steps (MiB)"),
    ):
        name = "seconds" if field == "ratio" else "memory"
        (folder / f"{name}.svg").write_text(draw(table, field, title))


def draw(table: pd.DataFrame, field: str, title: str) -> str:
    """An SVG: a panel an algorithm, a line an estimator."""
    base = alt.Chart(table).encode(
        x=alt.X("horizon:Q", title="horizon k"),
        y=alt.Y(f"{field}:Q", title=title),
        color=alt.Color("estimator:N", scale=alt.Scale(range=["#0072b2", "#b07a00", "#5f6368"])),
        shape="estimator:N",
    )
    layers = alt.layer(base.mark_line(), base.mark_point(filled=True, size=60))
    chart = layers.properties(width=320, height=260).facet(alt.Facet("algorithm:N", title=""))
    spec = chart.configure(
        font="Liberation Sans, Arial, sans-serif", background="#ffffff"
    ).to_json()
    return str(vl_convert.vegalite_to_svg(spec))


if __name__ == "__main__":
    run(main)
