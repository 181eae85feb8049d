"""What a big grid costs where nothing is trained: CPU seconds to plan, look and report.

    python -m benchmarks.sweep 100 500 --out docs/results/sweep

One setting of a toy task is really run. The others are given its results under their own names and
seeds, and DVC is told of all of them at once, so that what is measured is the grid of N settings as
it stands after its sweep. The last two are what DVC adds to one setting, by itself and as the
pipeline has it.
Each command is a process of its own, in a clone of the last commit that is removed afterwards; its
children's seconds count. Cost: some 5 CPU minutes for both.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
import yaml

from benchmarks.before import children
from lazyleap import yamlfile
from pipeline.plan import CHAIN
from stages import provenance
from stages.program import run

GRID, TASK, HORIZONS = "quick", "glyphs", (1, 2, 3, 5)
PYTHON = (sys.executable, "-m")
ONE_NEW = "lazyleap run of one new setting"
MEASURES = {  # what -> the command that does it, with {run} for one of the settings
    "plan": (sys.executable, "-c", "from pipeline.plan import plan; plan()"),
    "lazyleap status": (*PYTHON, "pipeline", "status"),
    "lazyleap run, nothing to do": (*PYTHON, "pipeline", "run"),
    "report": (*PYTHON, "dvc", "repro", "--single-item", "--force", "report"),
    "dvc commit of one setting": (
        *(*PYTHON, "dvc", "commit", "--force"),
        *(f"{stage}@{{run}}" for stage in CHAIN),
    ),
    ONE_NEW: (*PYTHON, "pipeline", "run", "--only", "{run}"),
}
LIMITS = {"plan": 10, "lazyleap status": 60, "lazyleap run, nothing to do": 60, "report": 60}


def main(
    settings: Annotated[list[int], typer.Argument(min=2, help="how many, each measured")],
    out: Annotated[str, typer.Option(help="a folder for sweep.csv and sweep.json")] = "",
) -> None:
    """Measure grids of so many settings."""
    table = pd.DataFrame([row for count in settings for row in measured(count)])
    facts = {
        "commit": provenance.commit(),
        "uncommitted": provenance.uncommitted("params.yaml"),
        "processor": provenance.processor(),
        "settings": settings,
    }
    if out:
        Path(out).mkdir(parents=True, exist_ok=True)
        table.to_csv(Path(out) / "sweep.csv", index=False, lineterminator="\n")
        (Path(out) / "sweep.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts))
    print(table.to_string(index=False))


def measured(count: int) -> list[dict[str, Any]]:
    """Rows of CPU seconds for a grid of ``count`` settings."""
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        call(("git", "clone", "-q", ".", folder))
        with chdir(folder):
            os.environ["PYTHONPATH"] = folder
            names = lay_out(count)
            say(f"{count} settings: runs {names[0]}")
            head = ("validate@params", f"prepare@{TASK}", *(f"{key}@{names[0]}" for key in CHAIN))
            call((*PYTHON, "dvc", "repro", "--single-item", *head))
            for name in names[1:]:
                stand_in(names[0], name)
            say(f"{count} settings: are told to DVC")
            tell_dvc(names)
            call(MEASURES["report"])
            reported = set(pd.read_csv(Path("results") / GRID / "summary.csv")["run"])
            if reported != set(names):
                sys.exit(f"the report holds {len(reported)} of {count} settings")
            lock = Path("dvc.lock").stat().st_size / 2**20
            own = {
                what: [word.format(run=names[-1]) for word in words]
                for what, words in MEASURES.items()
            }
            rows = [row(count, lock, what, own[what]) for what in own if what != ONE_NEW]
            another(names[-1])
            return [*rows, row(count, lock, ONE_NEW, own[ONE_NEW])]


def lay_out(count: int) -> list[str]:
    """Write a params.yaml of so many settings, each a second of training; their names."""
    params = yamlfile.read(Path("params.yaml"))
    task = params["tasks"][TASK]
    task["dataset"] |= {"classes": {"train": 12, "val": 6, "test": 6}, "images_per_class": 8}
    task["draw"] |= {"validation_episodes": 4, "test_episodes": 100}
    task["model"]["width"] = 4
    task["training"] |= {"meta_iterations": 40, "validate_every": 20, "log_every": 10}
    task["test"] |= {"curve_episodes": 2, "curve_steps": 6}
    names = [f"lazy-k{HORIZONS[i % 4]}-s{i // 4:04d}" for i in range(count)]
    runs = {
        name: {"task": TASK, "algorithm": "maml", "estimator": "lazy", "placement": "start"}
        | {"horizon": HORIZONS[i % 4], "seed": i // 4}
        for i, name in enumerate(names)
    }
    params |= {"device": "cpu", "tasks": {TASK: task}, "surrogates": {}, "targets": {}}
    params |= {"runs": runs}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return names


def another(name: str) -> None:
    """Make a setting one that never ran."""
    path = Path("params.yaml")
    params = yamlfile.read(path)
    params["runs"][name]["seed"] = 10**6
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def stand_in(first: str, name: str) -> None:
    """Give a setting the results of the first one, with its own name, horizon and seed in them."""
    own = {'"horizon": 1': f'"horizon": {name.split("-")[1][1:]}'}
    own |= {'"seed": 0': f'"seed": {int(name.split("-")[2][1:])}', first: name}
    for stage in ("train", "record", "evaluate", "export"):
        place = Path("artifacts") / stage / GRID
        shutil.copytree(place / first, place / name)
        for path in (place / name).rglob("*.json"):
            text = path.read_text()
            for old, new in own.items():
                text = text.replace(old, new)
            path.write_text(text)


def tell_dvc(names: Iterable[str]) -> None:
    """What ``dvc commit`` does of every stage, but dvc.lock is written once."""
    from dvc.dvcfile import Lockfile
    from dvc.repo import Repo

    repo, new = Repo(), {f"{key}@{name}" for name in names for key in CHAIN}
    with repo.lock:
        own = (stage for stage in repo.index.stages if getattr(stage, "name", None) in new)
        found = [stage for stage in own if not stage.outs[0].hash_info]
        for stage in found:
            stage.save()
            stage.commit()
        Lockfile(repo, "dvc.lock").dump_stages(found)
    repo.close()


def row(count: int, lock: float, what: str, command: Iterable[str]) -> dict[str, Any]:
    """One measure: CPU and wall seconds of a process and its children."""
    cpu, wall = children(), time.monotonic()
    call(command)
    used = round(children() - cpu, 1)
    say(f"{count} settings: {what}: {used} CPU s")
    return {
        "settings": count,
        "measure": what,
        "cpu_seconds": used,
        "limit": LIMITS.get(what, ""),
        "wall_seconds": round(time.monotonic() - wall, 1),
        "lock_mib": round(lock, 2),
    }


def call(command: Iterable[str]) -> None:
    """Run it; what it said is shown if it fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        list(command), capture_output=True, text=True, env={**os.environ, "PATH": path}, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def say(words: str) -> None:
    """A word on how far it is."""
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    run(main)
