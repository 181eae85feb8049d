"""One command in this checkout and in an earlier commit's, in turns: CPU seconds and their ratio.

    python -m benchmarks.before COMMIT --rounds 3 "python -m benchmarks.horizon_longtail"

Each turn is a process of its own, the earlier commit's in a work tree that is removed afterwards.
What the command's ``--out`` folder holds as cost.csv is compared row by row; else the CPU seconds
that the command and its children used. The ratio is of the two turns of one round.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from stages.program import run

WHOLE = "command"


def main(
    commit: Annotated[str, typer.Argument(help="the earlier one")],
    command: Annotated[str, typer.Argument(help="in quotes; --out is added where it takes one")],
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    setup: Annotated[str, typer.Option(help="run once in each, not counted")] = "",
    out: Annotated[str, typer.Option(help="a CSV of the ratios")] = "",
) -> None:
    """Run COMMAND in both checkouts, in turns."""
    with earlier(commit) as before:
        places = {"before": before, "now": Path()}
        for place in places.values() if setup else ():
            subprocess.run(shlex.split(setup), cwd=place, check=True)
        turns = []
        for turn in range(rounds):
            for name, place in places.items():
                for row, seconds in measured(command, place).items():
                    turns.append({"round": turn, "checkout": name, "row": row, "seconds": seconds})
                print(f"round {turn} of {rounds}: {name}", file=sys.stderr, flush=True)
    table = ratios(pd.DataFrame(turns))
    if out:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(out, index=False, float_format="%.4f", lineterminator="\n")
    print(json.dumps({"commit": commit, "command": command, "rounds": rounds}))
    print(table.to_string(index=False))


@contextmanager
def earlier(commit: str) -> Iterator[Path]:
    """A work tree of a commit, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="before-") as folder:
        tree = Path(folder) / "tree"
        git = ["git", "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", tree, commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", tree], check=True)


def measured(command: str, place: Path) -> dict[str, float]:
    """CPU seconds by row: those of cost.csv, or of the whole."""
    with tempfile.TemporaryDirectory() as out:
        words = shlex.split(command)
        if "benchmarks." in command:
            words += ["--out", out]
        paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        start = children()
        subprocess.run(
            words,
            cwd=place,
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PATH": paths, "OMP_NUM_THREADS": "1"},
        )
        used, table = children() - start, Path(out) / "cost.csv"
        if not table.exists():
            return {WHOLE: used}
        rows = pd.read_csv(table)
        names = rows[["algorithm", "estimator", "horizon"]].astype(str).agg(" ".join, axis=1)
        return dict(zip(names, rows["seconds"], strict=True))


def children() -> float:
    """CPU seconds of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ratios(turns: pd.DataFrame) -> pd.DataFrame:
    """Median seconds of both, and of the ratio now / before with its least and largest."""
    by = turns.pivot(index=["row", "round"], columns="checkout", values="seconds")
    by["ratio"] = by["now"] / by["before"]
    found = by.groupby("row").median()
    spread = by.groupby("row")["ratio"].agg(["min", "max"])
    return found.join(spread.rename(columns={"min": "least", "max": "largest"})).reset_index()


if __name__ == "__main__":
    run(main)
