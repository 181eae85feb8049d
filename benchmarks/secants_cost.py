"""What ``rest: secants`` costs by the clock, in steps of the student's.

    python -m benchmarks.secants_cost --rounds 30 --out docs/results/speed

A meta-gradient of plain lazy, one with secants, the student's walk and what the secants do on that
walk take turns in one process and one thread, in another order each round. What is counted, over a
step of the student's in the same round: the secants' work by itself, and how much longer the one
with secants takes than the plain one, which is a small difference of large numbers. Conv-4 on a
task of noise as in ``benchmarks.peers``; fields of eight images side by side, as they are trained.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
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
from lazyleap.bilevel import Bilevel, step
from lazyleap.estimators.secants import LEAST, Felt
from lazyleap.estimators.student import walk
from lazyleap.estimators.together import SideBySide, stacked
from lazyleap.places import extend
from lazyleap.trees import Tree
from stages import machine
from stages.program import run

IMAGES, FIELD = 8, Size(3, 64, 32)


class Posed(NamedTuple):
    """One task, or all tasks side by side as one."""

    problem: Bilevel
    theta: Tree
    task: Task


def conv4(k: int) -> Posed:
    """A few-shot episode of Omniglot's size."""
    problem, theta, tasks = mine(Lazy(), SMALL, k).args  # type: ignore[attr-defined]
    return Posed(problem, theta, tasks[0])


def fields(k: int) -> Posed:
    """Images of CIFAR-10's size, all pixels at every step."""
    extend(Path("examples"))
    from neural_fields.siren import Siren

    torch.manual_seed(0)
    network = Siren(3, layers=FIELD.layers, width=FIELD.width, w0=W0)
    problem = MAML(functional(network), RATE, loss=torch.nn.functional.mse_loss)
    tasks = [task(FIELD, k)] * IMAGES
    return Posed(SideBySide(problem, IMAGES), problem.theta(network), stacked(tasks))


PROBLEMS: Mapping[str, Callable[[int], Posed]] = {"conv4": conv4, "fields": fields}


def steps_of(name: str, k: int) -> list[Step]:
    """Plain lazy, lazy with secants, the student's k steps alone, and the secants alone."""
    problem, theta, one = PROBLEMS[name](k)
    plain, secants = Lazy(), Lazy(rest="secants")
    path = [problem.init(theta)]
    with torch.no_grad():
        for batch in one.inner:
            path.append(step(problem, path[-1], theta, batch))

    @torch.no_grad()
    def alone() -> None:
        felt = Felt(problem, theta, path[0], k)
        for point in path[1:]:
            felt.take(point)
        felt.fit(LEAST["secants"]).carry(path[-1], k - 1)

    return [
        lambda: plain(problem, theta, [one]),
        lambda: secants(problem, theta, [one]),
        lambda: walk(problem, theta, one),
        alone,
    ]


def row(name: str, k: int, seconds: Seconds) -> dict[str, Any]:
    """Of ``[rounds, 4]``: medians in ms, and steps of the student's with their quartiles."""
    plain, secants, student, alone = seconds.T
    work, more = (
        np.quantile(each * k / student, (0.25, 0.5, 0.75)) for each in (alone, secants - plain)
    )
    ends = ("_quartile_1", "", "_quartile_3")
    return {
        "problem": name,
        "horizon": k,
        "lazy_ms": 1000 * float(np.median(plain)),
        "secants_ms": 1000 * float(np.median(secants)),
        "step_ms": 1000 * float(np.median(student)) / k,
        **{f"steps{end}": float(at) for end, at in zip(ends, work, strict=True)},
        **{f"longer{end}": float(at) for end, at in zip(ends, more, strict=True)},
    }


def main(
    rounds: Annotated[int, typer.Option(min=1, help="times that each takes its turn")] = 30,
    horizons: Annotated[str, typer.Option(help="comma-separated")] = "10,20",
    out: Annotated[str, typer.Option(help="folder of the numbers")] = "docs/results/speed",
    max_seconds: Annotated[float, typer.Option(help="then no further round begins")] = 600,
) -> None:
    """Measure, print and write secants.csv and secants.json."""
    torch.set_num_threads(1)
    made = machine.describe(torch.device("cpu"), 1, "benchmarks")
    cells = list(product(PROBLEMS, map(int, horizons.split(","))))
    every = [each for cell in cells for each in steps_of(*cell)]
    seconds, _ = turns(every, rounds, time.monotonic() + max_seconds)
    columns = np.split(seconds, len(cells), axis=1)
    table = pd.DataFrame(
        [row(name, k, mine) for (name, k), mine in zip(cells, columns, strict=True)]
    )
    facts = {
        **made,
        "rounds": len(seconds),
    }
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "secants.csv", index=False, float_format="%.3f", lineterminator="\n")
    (folder / "secants.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(table.to_markdown(index=False, floatfmt=".2f"))


if __name__ == "__main__":
    run(main)
