"""What a GPU makes of a meta-iteration: tasks in a loop or side by side, the student in a graph.

    python -m benchmarks.gpu --out docs/results/gpu

Conv-4 with 64 channels, 5-way 1-shot, 15 queries a class, four tasks of noise. Beside the
estimators there is the k-step student alone, also captured in a CUDA graph and by
``torch.compile(mode="reduce-overhead")``; what fails there is said in its row. Wall milliseconds
with the device waited for (CPU milliseconds on a CPU), after calls that are not counted; peak
memory is the allocator's. Each row is written when it is measured: when ``--max-seconds`` end the
program stops with exit code 75, and the same command goes on from there. ``--device cpu`` tries it
where there is no GPU.
"""

from __future__ import annotations

import csv
import json
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
import typer

from benchmarks.contest import RATE, SMALL, WAY, Size, tasks
from lazyleap import MAML, Batch, Exact, FirstOrder, Lazy, Task, functional
from lazyleap.errors import InputError, OutOfTimeError
from lazyleap.estimators import Estimator
from lazyleap.estimators.student import walk
from lazyleap.estimators.together import SideBySide, Together, stacked
from lazyleap.models.conv4 import Conv4
from lazyleap.models.layout import channels_last
from lazyleap.trees import Tree, norm, subtract
from stages import machine
from stages.program import run

ESTIMATORS: dict[str, Estimator] = {"lazy": Lazy(), "exact": Exact(), "first order": FirstOrder()}
STUDENT = "student"  # its k steps alone, without a teacher
ON_CUDA = ("graph", "compile")  # of the student, beside the plain ways
Call = Callable[[], Tree]


class Cell(NamedTuple):
    """Who, how its tasks are taken, the horizon, and whether products may round to TF32."""

    who: str
    how: str
    horizon: int
    tf32: bool


class Asked(NamedTuple):
    """What a meta-gradient is asked of."""

    problem: MAML
    theta: Tree
    tasks: list[Task]


def main(
    out: Annotated[str, typer.Option(help="folder of gpu.csv and gpu.json")] = "docs/results/gpu",
    device: Annotated[str, typer.Option(help="cuda, or cpu to try this program")] = "cuda",
    horizons: Annotated[str, typer.Option(help="comma-separated")] = "1,5,10,20,50",
    rounds: Annotated[int, typer.Option(min=1, help="calls of each that are timed")] = 7,
    width: Annotated[int, typer.Option(min=1, help="channels of the network")] = 64,
    max_seconds: Annotated[float, typer.Option(min=0, help="time budget")] = 600,
) -> None:
    """Measure what is not yet in gpu.csv; OutOfTimeError when the budget ends first."""
    deadline = time.monotonic() + max_seconds
    torch.set_num_threads(1)
    chosen = machine.device(device)
    about = {
        "settings": {"device": chosen.type, "rounds": rounds, "width": width},
        "command": shlex.join(["python", "-m", "benchmarks.gpu", *sys.argv[1:]]),
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "machine": machine.describe(chosen, 1),
    }
    folder = Path(out)
    known = begin(folder, about)
    cells = [c for c in every(list(map(int, horizons.split(","))), chosen) if c not in known]
    for done, cell in enumerate(cells):
        if time.monotonic() > deadline:
            raise OutOfTimeError(
                f"the time budget of {max_seconds:g} s ended with {len(cells) - done} cells of "
                f"{folder / 'gpu.csv'} to go; run again to go on from there"
            )
        append(
            folder / "gpu.csv", cell, measured(cell, rounds, SMALL._replace(width=width), chosen)
        )
    print((folder / "gpu.csv").read_text())


def begin(folder: Path, about: dict[str, Any]) -> set[Cell]:
    """The cells that are measured already.

    Raises:
        InputError: if they were measured with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts, table = folder / "gpu.json", folder / "gpu.csv"
    if not table.exists():
        facts.write_text(json.dumps(about, indent=1) + "\n")
        return set()
    before = json.loads(facts.read_text())["settings"]
    if before != about["settings"]:
        raise InputError(
            f"{facts}: rows of {before}, not of {about['settings']}; name another --out"
        )
    with table.open(newline="") as file:
        return {
            Cell(row["who"], row["how"], int(row["horizon"]), row["tf32"] == "True")
            for row in csv.DictReader(file)
        }


def every(ks: list[int], device: torch.device) -> Iterator[Cell]:
    """All that can be measured on a device, the short horizons first."""
    cuda = device.type == "cuda"
    for k, tf32 in product(ks, (False, True) if cuda else (False,)):
        for who, how in product((*ESTIMATORS, STUDENT), ("loop", "together")):
            yield Cell(who, how, k, tf32)
        for how in ON_CUDA if cuda else ():
            yield Cell(STUDENT, how, k, tf32)


def append(path: Path, cell: Cell, found: dict[str, Any]) -> None:
    """One more row; the header before the first."""
    row = {**cell._asdict(), **found}
    print(row, file=sys.stderr, flush=True)
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row, lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def asked(size: Size, k: int, device: torch.device) -> Asked:
    """The problem of ``benchmarks.peers`` on a device."""
    torch.manual_seed(0)
    network = Conv4(WAY, channels=size.channels, size=size.pixels, width=size.width).to(device)
    problem = MAML(functional(network), inner_lr=RATE)

    def there(batch: Batch) -> Batch:
        return Batch(channels_last(batch.inputs.to(device)), batch.targets.to(device))

    moved = [Task([there(task.inner[0])] * k, there(task.outer)) for task in tasks(size, k)]
    return Asked(problem, problem.theta(network), moved)


def call(who: str, how: str, given: Asked) -> Call:
    """What a cell takes the time of; its result is the same however the tasks are taken."""
    if who in ESTIMATORS:
        estimator = ESTIMATORS[who]
        taken = Together(estimator) if how == "together" else estimator
        return lambda: taken(*given).grad
    if how == "loop":
        return lambda: _one_by_one(given)
    problem: Any = SideBySide(given.problem, len(given.tasks))
    task = stacked(given.tasks)

    def plain() -> Tree:
        return walk(problem, given.theta, task).path.end

    if how == "graph":
        return captured(plain)
    return torch.compile(plain, mode="reduce-overhead") if how == "compile" else plain


def _one_by_one(given: Asked) -> Tree:
    ends = [walk(given.problem, given.theta, task).path.end for task in given.tasks]
    return {n: torch.stack([end[n] for end in ends]) for n in ends[0]}


def captured(plain: Call) -> Call:
    """``plain`` as a CUDA graph: one launch for all its kernels."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            plain()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        held = plain()

    def replay() -> Tree:
        graph.replay()
        return held

    return replay


def measured(cell: Cell, rounds: int, size: Size, device: torch.device) -> dict[str, Any]:
    """A row: milliseconds, memory, and how far the result is from the loop's, relatively."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = cell.tf32
    given = asked(size, cell.horizon, device)
    try:
        made = call(cell.who, cell.how, given)
        reference = call(cell.who, "loop", given)()
        gap = float(norm(subtract(made(), reference)) / norm(reference))
        times, memory = timed(made, rounds, device)
    except Exception as error:  # of a way that may not work; the others are still of interest
        if cell.how not in ON_CUDA:
            raise
        said = f"{type(error).__name__}: {error}".partition("\n")[0]
        return dict.fromkeys(("ms", "least", "largest", "mib", "gap"), "") | {"failed": said[:120]}
    spread = {"ms": statistics.median(times), "least": min(times), "largest": max(times)}
    numbers = {**spread, "mib": memory, "gap": gap}
    return {key: f"{number:.4g}" for key, number in numbers.items()} | {"failed": ""}


def timed(made: Call, rounds: int, device: torch.device) -> tuple[list[float], float]:
    """Milliseconds of each call, and the allocator's peak in MiB (0 on a CPU)."""
    if device.type != "cuda":
        return [_clocked(made, time.process_time) for _ in range(rounds)], 0.0

    def waited() -> None:
        made()
        torch.cuda.synchronize()

    for _ in range(2):
        waited()
    torch.cuda.reset_peak_memory_stats()
    times = [_clocked(waited, time.perf_counter) for _ in range(rounds)]
    return times, torch.cuda.max_memory_allocated() / 2**20


def _clocked(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return (clock() - start) * 1e3


if __name__ == "__main__":
    run(main)
