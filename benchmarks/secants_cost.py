"""What ``rest: secants`` costs by the clock, in steps of the student's.

    python -m benchmarks.secants_cost --rounds 30 --out docs/results/secants

A meta-gradient of plain lazy, one with secants and the student's walk alone take turns in one
process and one thread, in another order each round. What is counted: how much longer the one with
secants takes than the plain one, over a step of the student's in the same round. Conv-4 on tasks of
noise, one after the other, as in ``benchmarks.peers``; fields of eight images side by side, as they
are trained.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import typer

from benchmarks.contest import SMALL, Step, mine
from benchmarks.fields_memory import RATE, W0, Size, task
from benchmarks.peers import Seconds, turns
from lazyleap import MAML, Lazy, Task, functional
from lazyleap.estimators.student import walk
from lazyleap.estimators.together import SideBySide, Together, stacked
from lazyleap.places import extend
from lazyleap.trees import Tree
from stages import machine
from stages.program import run

IMAGES, FIELD = 8, Size(3, 64, 32)


class Posed(NamedTuple):
    """A problem at a horizon; ``together``: its tasks side by side."""

    problem: MAML
    theta: Tree
    tasks: Sequence[Task]
    together: bool


def conv4(k: int) -> Posed:
    """Few-shot episodes of Omniglot's size."""
    problem, theta, tasks = mine(Lazy(), SMALL, k).args  # type: ignore[attr-defined]
    return Posed(problem, theta, tasks, together=False)


def fields(k: int) -> Posed:
    """Images of CIFAR-10's size, all pixels at every step."""
    extend(Path("examples"))
    from neural_fields.siren import Siren

    torch.manual_seed(0)
    network = Siren(3, layers=FIELD.layers, width=FIELD.width, w0=W0)
    problem = MAML(functional(network), RATE, loss=torch.nn.functional.mse_loss)
    return Posed(problem, problem.theta(network), [task(FIELD, k)] * IMAGES, together=True)


PROBLEMS: Mapping[str, Callable[[int], Posed]] = {"conv4": conv4, "fields": fields}


def steps_of(name: str, k: int) -> list[Step]:
    """Plain lazy, lazy with secants, and the student's k steps alone."""
    problem, theta, tasks, together = PROBLEMS[name](k)
    plain, secants = Lazy(), Lazy(rest="secants")
    if not together:
        return [
            lambda: plain(problem, theta, tasks),
            lambda: secants(problem, theta, tasks),
            lambda: [walk(problem, theta, one) for one in tasks],
        ]
    whole, all_of = SideBySide(problem, len(tasks)), stacked(tasks)
    return [
        lambda: Together(plain)(problem, theta, tasks),
        lambda: Together(secants)(problem, theta, tasks),
        lambda: walk(whole, theta, all_of),
    ]


def row(name: str, k: int, seconds: Seconds) -> dict[str, Any]:
    """Of ``[rounds, 3]``: medians in ms, and the extra steps with their quartiles."""
    plain, secants, student = seconds.T
    extra = (secants - plain) * k / student
    low, middle, high = np.quantile(extra, (0.25, 0.5, 0.75))
    return {
        "problem": name,
        "horizon": k,
        "lazy_ms": 1000 * float(np.median(plain)),
        "secants_ms": 1000 * float(np.median(secants)),
        "step_ms": 1000 * float(np.median(student)) / k,
        "extra_steps": float(middle),
        "quartile_1": float(low),
        "quartile_3": float(high),
    }


def main(
    rounds: Annotated[int, typer.Option(min=1, help="times that each takes its turn")] = 30,
    horizons: Annotated[str, typer.Option(help="comma-separated")] = "10,20",
    out: Annotated[str, typer.Option(help="folder of the numbers")] = "docs/results/secants",
    max_seconds: Annotated[float, typer.Option(help="then no further round begins")] = 600,
) -> None:
    """Measure, print and write cost.csv and cost.json."""
    torch.set_num_threads(1)
    cells = list(product(PROBLEMS, map(int, horizons.split(","))))
    every = [step for cell in cells for step in steps_of(*cell)]
    seconds, _ = turns(every, rounds, time.monotonic() + max_seconds)
    table = pd.DataFrame(
        [row(*cell, seconds[:, 3 * i : 3 * i + 3]) for i, cell in enumerate(cells)]
    )
    facts = {
        **machine.describe(torch.device("cpu"), 1, "benchmarks"),
        "command": shlex.join(["python", "-m", "benchmarks.secants_cost", *sys.argv[1:]]),
        "rounds": len(seconds),
    }
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "cost.csv", index=False, float_format="%.3f", lineterminator="\n")
    (folder / "cost.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(table.to_markdown(index=False, floatfmt=".2f"))


if __name__ == "__main__":
    run(main)
