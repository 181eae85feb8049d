"""Time and memory of a training step against the horizon, all estimators side by side in one run.

All settings take turns in one process, in another order each round, so that what else the machine
does falls on all alike; ratios are to lazy at the first horizon in the same round. CPU seconds on a
CPU, wall seconds on a GPU. Peak memory is that of a process of its own for each setting, less what
the same process held before its first step.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
import vl_convert

from lazyleap.estimators import Estimator, Exact, Lazy, Unrolled
from lazyleap.training.loop import Learner, peak_memory_mib

Setting = tuple[str, str, int]
"""Algorithm, estimator, horizon."""
Maker = Callable[[Setting, bool], Learner]
"""The learner of a setting; where the second argument is true a tiny one, to load libraries."""
Times = np.ndarray[Any, np.dtype[np.float64]]


def estimators(placement: str) -> dict[str, Estimator]:
    """Those compared, by name."""
    return {"lazy": Lazy(placement=placement), "exact": Exact(), "unrolled": Unrolled()}


def measure(
    settings: Sequence[Setting], make: Maker, rounds: int, device: torch.device
) -> pd.DataFrame:
    """A row a setting: seconds and memory. ``make`` can be pickled."""
    used = apart(settings, make, device)  # first, while this process holds nothing
    table = rows(settings, seconds(settings, make, rounds, device))
    table["peak_memory_mib"], table["memory_of_steps_mib"] = zip(*used, strict=True)
    return table


def seconds(settings: Sequence[Setting], make: Maker, rounds: int, device: torch.device) -> Times:
    """``[rounds, settings]``, after a step of each that is not counted."""
    learners = [make(setting, False) for setting in settings]
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


def rows(settings: Sequence[Setting], times: Times) -> pd.DataFrame:
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


def memory(setting: Setting, make: Maker) -> tuple[float, float]:
    """Peak MiB of this process in two steps, and how much of it the steps took."""
    make((setting[0], "lazy", 1), True).step(0, describe=False)  # loads libraries
    ready = make(setting, False)
    before = peak_memory_mib()
    for i in range(2):
        ready.step(i, describe=False)
    return peak_memory_mib(), peak_memory_mib() - before


def apart(
    settings: Sequence[Setting], make: Maker, device: torch.device
) -> list[tuple[float, float]]:
    """:func:`memory` of each setting in a process of its own."""
    context = get_context("fork" if device.type == "cpu" else "spawn")  # no GPU outlives a fork
    with context.Pool(1, maxtasksperchild=1) as pool:
        return pool.map(partial(memory, make=make), settings, chunksize=1)


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
