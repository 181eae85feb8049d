"""The leap beside other people's meta-gradients: agreement, time, memory. Fifteen minutes.

    python -m benchmarks.peers --rounds 7 --out docs/results/speed

The problem is few-shot learning as everybody runs it: Conv-4 with 64 channels, 5-way 1-shot, 15
queries a class, four tasks. First all exact gradients must agree in float64. Then all take turns in
one process and one thread, in another order each round; a ratio is to the fastest exact rival *in
the same round*, so that what else the machine does falls on all alike. The floor of a student's
step is the time of its multiplications at the rate of a large matrix product or convolution, the
faster of the two, measured in the same rounds. Memory is that of a process of its own for each.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import altair as alt
import numpy as np
import pandas as pd
import torch
import typer
import vl_convert
from torch.nn.functional import conv2d

from benchmarks import rivals
from benchmarks.contest import (
    LARGE,
    OURS,
    SMALL,
    TASKS,
    WAY,
    Cell,
    Size,
    Step,
    agreement,
    step_of,
)
from benchmarks.rivals import CHECKPOINTED
from lazyleap.training.loop import peak_memory_mib
from stages import machine
from stages.program import run

HORIZONS = (1, 5, 10, 20, 50)
LONGEST = {CHECKPOINTED: 20}  # horizons beyond it would only show the same ratio again
REMEMBERED = (1, 50, 200)


def main(
    rounds: Annotated[int, typer.Option(min=1, help="times that each takes its turn")] = 7,
    horizons: Annotated[str, typer.Option(help="comma-separated")] = ",".join(map(str, HORIZONS)),
    width: Annotated[int, typer.Option(min=1, help="channels of the network")] = 64,
    out: Annotated[str, typer.Option(help="folder of the numbers")] = "docs/results/speed",
    max_seconds: Annotated[float, typer.Option(help="then no further round begins")] = 900,
) -> None:
    """Compare the meta-gradients that are installed."""
    torch.set_num_threads(1)
    made = machine.describe(torch.device("cpu"), 1, "params.yaml", "extensions")
    deadline = time.monotonic() + max_seconds
    ks = [int(k) for k in horizons.split(",")]
    small, large = (size._replace(width=width) for size in (SMALL, LARGE))
    gaps = agreement(small)
    used = memory([k for k in REMEMBERED if k <= 4 * max(ks)], small)
    table, floor = times(ks, rounds, small, deadline)
    bigger, _ = times([min(5, max(ks))], max(1, rounds // 3), large, deadline)
    facts = {
        "command": shlex.join(["python", "-m", "benchmarks.peers", *sys.argv[1:]]),
        "rounds": int(table["rounds"].min()),
        "missing": sorted(rivals.RIVALS.keys() - rivals.importable().keys()),
        "largest_gap_float64": gaps,
        "student_step_over_floor": floor,
        "machine": made,
    }
    write(Path(out), pd.concat([table, bigger]), used, facts)


def times(
    ks: Sequence[int], rounds: int, size: Size, deadline: float
) -> tuple[pd.DataFrame, dict[str, float]]:
    """A row a cell, and how far a student's step is from the floor, by estimator."""
    names = [*OURS, *rivals.importable()]
    cells = [(n, k) for k in ks for n in names if k <= LONGEST.get(n, k) and not _few(n, k)]
    steps = [step_of(cell, size) for cell in cells]
    seconds, paces = turns(steps, rounds, deadline)
    return rows(cells, seconds, size), floors(cells, seconds, paces, size)


def _few(name: str, k: int) -> bool:
    return name.endswith("3 leaps") and k < 3


Seconds = np.ndarray[Any, np.dtype[np.float64]]


def turns(steps: Sequence[Step], rounds: int, deadline: float) -> tuple[Seconds, Seconds]:
    """CPU seconds ``[rounds, steps]``, and of an operation at best; the first is not counted.

    Of the rounds one at least, and no further one after the ``deadline``.
    """
    chance = np.random.default_rng(0)
    found, paces = np.zeros((rounds + 1, len(steps))), np.zeros(rounds + 1)
    large = large_work()
    for turn in range(rounds + 1):
        paces[turn] = min(_clocked(one) / flops for one, flops in large)
        for place in chance.permutation(len(steps)):
            found[turn, place] = _clocked(steps[place])
        print(f"round {turn} of {rounds}", file=sys.stderr, flush=True)
        if turn and time.monotonic() > deadline:
            break
    return found[1 : turn + 1], paces[1 : turn + 1]


def large_work() -> list[tuple[Step, float]]:
    """What this machine does at its best rate, and how many multiplications and additions it is.

    Two, since a processor can be slow at one of them in the library at hand.
    """
    square, side, channels = torch.randn(1024, 1024), 28, 64
    images = torch.randn(64, channels, side, side).to(memory_format=torch.channels_last)
    kernel = torch.randn(channels, channels, 3, 3).to(memory_format=torch.channels_last)
    return [
        (lambda: [square @ square for _ in range(8)], 8 * 2 * 1024**3),
        (
            lambda: [conv2d(images, kernel, padding=1) for _ in range(8)],
            8 * 2 * len(images) * side**2 * 9 * channels**2,
        ),
    ]


def _clocked(step: Step) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def rows(cells: Sequence[Cell], seconds: Seconds, size: Size) -> pd.DataFrame:
    """Median seconds, and the ratio to the fastest exact rival of the horizon in the same round."""
    found = []
    for i, (name, k) in enumerate(cells):
        base = [j for j, cell in enumerate(cells) if cell[1] == k and _base(cell[0])]
        ratios = seconds[:, i] / seconds[:, base].min(axis=1)
        low, high = np.quantile(ratios, [0.1, 0.9])
        found.append(
            {"who": name, "pixels": size.pixels, "horizon": k, "rounds": len(seconds)}
            | {"seconds": float(np.median(seconds[:, i])), "ratio": float(np.median(ratios))}
            | {"low": float(low), "high": float(high)}
        )
    return pd.DataFrame(found)


def _base(name: str) -> bool:
    return name not in OURS and name != CHECKPOINTED


def floors(cells: Sequence[Cell], seconds: Seconds, paces: Seconds, size: Size) -> dict[str, float]:
    """A student's step over its floor: what the longest horizon takes more than the shortest."""
    ks = sorted({k for _, k in cells})
    name = "lazyleap lazy"
    if len(ks) < 2:
        return {}
    first, last = (seconds[:, cells.index((name, k))] for k in (ks[0], ks[-1]))
    step = (last - first) / (ks[-1] - ks[0]) / TASKS
    floor = operations(size) * paces
    return {
        "step_ms": float(np.median(step)) * 1e3,
        "floor_ms": float(np.median(floor)) * 1e3,
        "ratio": float(np.median(step / floor)),
    }


def operations(size: Size) -> float:
    """Multiplications and additions of a gradient of the network at the support images.

    Of each layer: the answer, the gradient of the weights, and that of the inputs, which the first
    layer need not have.
    """
    side, inputs, total = size.pixels, size.channels, 0.0
    for i in range(4):
        total += (2 if i == 0 else 3) * 2 * WAY * side**2 * 9 * inputs * size.width
        side, inputs = side // 2, size.width
    return total + 3 * 2 * WAY * side**2 * size.width * WAY


def memory(ks: Sequence[int], size: Size) -> pd.DataFrame:
    """Peak MiB of a process, and what of it a meta-gradient took; each in a process of its own."""
    names = ("lazyleap lazy", "lazyleap exact", "by hand", CHECKPOINTED)
    here = [n for n in names if n in OURS or n in rivals.importable()]
    cells = [(n, k) for n in here for k in ks if n in OURS or k <= 50]
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:  # forked, it holds ours too
        used = pool.map(partial(_remembered, size=size), cells, chunksize=1)
    return pd.DataFrame(
        [
            {"who": name, "horizon": k, "peak_mib": peak, "steps_mib": taken}
            for (name, k), (peak, taken) in zip(cells, used, strict=True)
        ]
    )


def _remembered(cell: Cell, size: Size) -> tuple[float, float]:
    torch.set_num_threads(1)
    step_of((cell[0], 1), size)()  # loads libraries, and what they keep
    step = step_of(cell, size)
    before = peak_memory_mib()
    step()
    return peak_memory_mib(), peak_memory_mib() - before


def write(folder: Path, table: pd.DataFrame, used: pd.DataFrame, facts: Mapping[str, Any]) -> None:
    """Numbers and the drawing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in (("peers", table), ("memory", used)):
        path = folder / f"{name}.csv"
        frame.to_csv(path, index=False, float_format="%.4f", lineterminator="\n")
    (folder / "peers.json").write_text(json.dumps(facts, indent=1) + "\n")
    (folder / "peers.svg").write_text(draw(table[table["pixels"] == SMALL.pixels]))
    print(table.to_string(index=False), used.to_string(index=False), sep="\n\n")


def draw(table: pd.DataFrame) -> str:
    """An SVG: ratio against horizon, a line for each."""
    base = alt.Chart(table).encode(
        x=alt.X("horizon:Q", title="horizon k", scale=alt.Scale(type="log")),
        y=alt.Y("ratio:Q", title="CPU time of a meta-gradient (fastest exact rival: 1)"),
        color=alt.Color("who:N", title=""),
        shape=alt.Shape("who:N", title=""),
    )
    chart = alt.layer(base.mark_line(), base.mark_point(filled=True, size=50))
    spec = chart.properties(width=420, height=300).configure(
        font="Liberation Sans, Arial, sans-serif", background="#ffffff"
    )
    return str(vl_convert.vegalite_to_svg(spec.to_json()))


if __name__ == "__main__":
    run(main)
