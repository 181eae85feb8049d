"""Where memory ends: one image of 178 x 178 pixels as a SIREN of 5 x 256, K inner steps.

    python -m benchmarks.fields_memory --out docs/results/neural-fields-memory

One task, one meta-gradient: unrolled on one tape by those of higher and TorchOpt that are
installed, checkpointed by torch-maml, and the project's own, once all that are exact agree in
float64 on a small field. Each has a process of limited memory: the largest resident set less that
of a tiny field, and CPU seconds. Where it ends, longer horizons are left out. With ``--who`` only
some are measured, and the rows of the others stay as they are. The image is noise.

Resident memory is also the C library's: ``--mmap-threshold`` sets from what size on glibc gives
blocks back at once; ``--alive`` counts the bytes of living tensors instead.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pandas as pd
import torch
import typer
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from benchmarks import rivals
from benchmarks.alive import peak
from lazyleap import MAML, Batch, Exact, Lazy, Task, functional
from lazyleap.estimators import Estimator
from lazyleap.training.loop import peak_memory_mib
from stages import machine

NAME = "benchmarks.fields_memory"
EXACT = "lazyleap exact"
OURS: Mapping[str, Estimator] = {
    EXACT: Exact(),
    "lazyleap lazy": Lazy(),
    "lazyleap lazy, secants": Lazy(rest="secants"),
}
THEIRS = ("higher", "torchopt", "torch-maml")
RATE, W0, CHANNELS, AGREED = 0.01, 30.0, 3, 1e-9  # in float64
ENDED = "out of memory"
KEYS = ["who", "horizon", "counted"]
Step = Callable[[], Any]
Cell = dict[str, Any]


class Size(NamedTuple):
    """Of the network and the image."""

    layers: int
    width: int
    side: int


class How(NamedTuple):
    """A cell is measured: GB that its process may have, glibc's threshold in bytes, what counts."""

    limit_gb: float
    threshold: int = 0
    alive: bool = False

    @property
    def counted(self) -> str:
        """In words."""
        if self.alive:
            return "alive"
        return f"resident, threshold {self.threshold}" if self.threshold else "resident"


TINY = Size(2, 8, 6)


class Sine(nn.Module):
    """``sin(w0 x)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Of each number."""
        return torch.sin(W0 * x)


def field(size: Size, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """A SIREN in plain torch, always the same, as Sitzmann et al. (2020) initialise it."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for i in range(size.layers):
        layers += [nn.Linear(size.width if i else 2, size.width), Sine()]
    network = nn.Sequential(*layers, nn.Linear(size.width, CHANNELS))
    for i, layer in enumerate(m for m in network if isinstance(m, nn.Linear)):
        bound = (6 / size.width) ** 0.5 / W0 if i else 0.5
        nn.init.uniform_(layer.weight, -bound, bound)
        nn.init.zeros_(layer.bias)
    return network.to(dtype)


def task(size: Size, k: int, dtype: torch.dtype = torch.float32) -> Task:
    """One image, all its pixels at every step."""
    line = torch.linspace(-1, 1, size.side)
    places = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).flatten(0, 1).to(dtype)
    chance = torch.Generator().manual_seed(1)
    colours = torch.rand(size.side**2, CHANNELS, generator=chance) * 2 - 1
    batch = Batch(places, colours.to(dtype))
    return Task([batch] * k, batch)


def step_of(name: str, size: Size, k: int, dtype: torch.dtype = torch.float32) -> Step:
    """One meta-gradient, theirs or ours; it answers with the gradient by parameter."""
    network, tasks = field(size, dtype), [task(size, k, dtype)]
    if name in OURS:
        problem = MAML(functional(network), RATE, loss=mse_loss)
        theta = problem.theta(network)
        return lambda: OURS[name](problem, theta, tasks).grad
    step = rivals.RIVALS[name][0](network, tasks, RATE, mse_loss)

    def theirs() -> dict[str, Tensor]:
        network.zero_grad(set_to_none=True)
        step()
        return {n: p.grad for n, p in network.named_parameters() if p.grad is not None}

    return theirs


def agreement(names: Sequence[str]) -> dict[str, float]:
    """The largest relative gap of each to exact, in float64 on a tiny field.

    Raises:
        SystemExit: if one is another gradient; then no memory would be worth comparing.
    """
    exact, gaps = step_of(EXACT, TINY, 3, torch.float64)(), {}
    for name in names:
        found = step_of(name, TINY, 3, torch.float64)()
        gaps[name] = max(float((found[n] - g).norm() / g.norm()) for n, g in exact.items())
        if not gaps[name] <= AGREED:
            sys.exit(f"error: {name} has another gradient than Exact: {gaps[name]:.2g} apart")
    return gaps


def measured(name: str, k: int, size: Size, how: How) -> Cell:
    """A row of the table, in this process: nothing but memory may end it."""
    torch.set_num_threads(1)
    step_of(name, TINY, 1)()
    limit = int(how.limit_gb * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    ready, before = step_of(name, size, k), peak_memory_mib()
    begun = time.process_time()
    try:
        ready()
    except (RuntimeError, MemoryError) as error:
        if "memory" not in str(error).lower() and not isinstance(error, MemoryError):
            raise
        return {"outcome": ENDED}
    took = time.process_time() - begun
    more = {"seconds": took, "steps_mib": peak_memory_mib() - before}
    return {"outcome": "done", **more}


def living(name: str, k: int, size: Size) -> Cell:
    """The same of living tensors; no time, which the counting takes."""
    torch.set_num_threads(1)
    found = peak(step_of(name, size, k)) / 2**20
    return {"outcome": "done", "steps_mib": found}


def apart(name: str, k: int, size: Size, how: How) -> Cell:
    """The same in a process of its own."""
    words = [name, k, *size, *how]
    command = [sys.executable, "-m", NAME, "--cell", json.dumps(words)]
    own = {"MALLOC_MMAP_THRESHOLD_": str(how.threshold)} if how.threshold else {}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, **own}
    )
    cell: Cell = {"who": name, "horizon": k, "counted": how.counted}
    if done.returncode < 0:  # killed: not every allocation fails politely
        return cell | {"outcome": ENDED}
    if done.returncode:
        sys.exit(f"error: {name}, K = {k}: ended with {done.returncode}")
    found: Cell = json.loads(done.stdout)
    return cell | found


def table_of(names: Sequence[str], ks: Sequence[int], size: Size, how: How) -> pd.DataFrame:
    """A row a cell."""
    rows: list[Cell] = []
    for name in names:
        for k in sorted(ks):
            rows.append(apart(name, k, size, how))
            print(rows[-1], file=sys.stderr, flush=True)
            if rows[-1]["outcome"] == ENDED:
                break
    return pd.DataFrame(rows)


def main(
    out: Annotated[str, typer.Option(help="folder of the numbers")] = ".",
    horizons: Annotated[str, typer.Option(help="K, with commas between")] = "4,16,64",
    layers: int = 5,
    width: int = 256,
    side: Annotated[int, typer.Option(help="pixels of the image a side")] = 178,
    limit_gb: Annotated[float, typer.Option(help="memory a process may have")] = 12.0,
    who: Annotated[str, typer.Option(help="measure again only those whose names match")] = "",
    mmap_threshold: Annotated[int, typer.Option(help="of glibc, bytes; 0: as it is")] = 0,
    alive: Annotated[bool, typer.Option("--alive", help="count living tensors alone")] = False,
    cell: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Measure, print and write memory.csv and memory.json."""
    if cell:
        name, k, *numbers = json.loads(cell)
        field_size, how = Size(*numbers[:3]), How(*numbers[3:])
        one = living(name, k, field_size) if how.alive else measured(name, k, field_size, how)
        print(json.dumps(one))
        return
    made = machine.describe(torch.device("cpu"), 1, "benchmarks")
    there = [*(name for name in THEIRS if name in rivals.importable()), *OURS]
    names = [name for name in there if fnmatchcase(name, who or "*")]
    gaps = agreement([name for name in names if name in (*THEIRS, EXACT)])
    ks = [int(k) for k in horizons.split(",")]
    how = How(limit_gb, mmap_threshold, alive)
    table = table_of(names, ks, Size(layers, width, side), how)
    facts = {
        **made,
        "largest_gap_float64": gaps,
        **{"who": names, "layers": layers, "width": width, "side": side, "limit_gb": limit_gb},
    }
    write(Path(out), table, facts, replace=not who)


def write(folder: Path, table: pd.DataFrame, facts: dict[str, Any], *, replace: bool) -> None:
    """Numbers and facts; beside those of others that are there, unless these ``replace`` them."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers, said = folder / "memory.csv", folder / "memory.json"
    kept: list[Any] = []
    if not replace and numbers.exists():
        table = pd.concat([pd.read_csv(numbers), table]).drop_duplicates(KEYS, keep="last")
        kept = json.loads(said.read_text())
    table.to_csv(numbers, index=False, float_format="%.2f", lineterminator="\n")
    said.write_text(json.dumps([*kept, facts], indent=1) + "\n")
    print(table.to_markdown(index=False, floatfmt=".1f"))


if __name__ == "__main__":
    typer.run(main)
