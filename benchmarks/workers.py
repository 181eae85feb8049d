"""A grid of hundreds of settings trained by workers: one sweep, from an empty store to the report.

    python -m benchmarks.workers 500 --workers 4 --out docs/results/sweep

The grid of ``benchmarks.sweep``: a toy task that trains for a second. Each worker is one of
Prefect's process pool, in a clone of its own; results go through a folder as DVC's remote. Server,
pool and clones are made for it and removed afterwards. Printed are the seconds of the whole and how
often each setting was trained, which must be once; the report must hold all. The server's database
is SQLite, or what PREFECT_API_DATABASE_CONNECTION_URL says. Cost: twenty CPU seconds a setting.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from benchmarks.before import children
from benchmarks.sweep import GRID, PYTHON, call, lay_out, say
from pipeline import leash, server
from stages import provenance
from stages.program import run

POOL = "team"
TRAINED = re.compile(r"> python -m stages\.train .*'(\S+)'$", re.MULTILINE)
CONFIG = "[core]\n    analytics = false\n    autostage = false\n    remote = store\n"
DATABASE = "PREFECT_API_DATABASE_CONNECTION_URL"  # of Prefect's server, if not SQLite
PATIENCE = 120.0  # seconds for the server to answer


def main(
    settings: Annotated[int, typer.Argument(min=2, help="how many")],
    workers: Annotated[int, typer.Option(min=1, help="one setting at a time each")] = 2,
    port: Annotated[int, typer.Option(help="of Prefect's server, for as long as this runs")] = 4299,
    out: Annotated[str, typer.Option(help="a folder for workers.json")] = "",
) -> None:
    """Sweep so many settings over so many workers."""
    facts = {
        "command": f"python -m benchmarks.workers {settings} --workers {workers}",
        "commit": provenance.commit(),
        "uncommitted": provenance.uncommitted("params.yaml"),
        "processor": provenance.processor(),
        "database": os.environ.get(DATABASE, "sqlite").split("+")[0].split(":")[0],
    }
    with tempfile.TemporaryDirectory(prefix="workers-") as folder:
        facts |= swept(Path(folder), settings, workers, port)
    if out:
        Path(out).mkdir(parents=True, exist_ok=True)
        (Path(out) / "workers.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))


def swept(folder: Path, settings: int, workers: int, port: int) -> dict[str, Any]:
    """Seconds, and what was trained how often."""
    names = source(folder, settings)
    places = [clone(folder, f"worker-{i}") for i in range(workers)]
    parent = clone(folder, "parent")
    with ExitStack() as stack:
        url = stack.enter_context(serving(folder, port))
        logs = [stack.enter_context(worker(place, url)) for place in places]
        say(f"{settings} settings over {workers} workers")
        os.environ |= environment(parent, url)
        began, used = time.monotonic(), children()
        with chdir(parent):
            call((*PYTHON, "pipeline", "sweep", "--pool", POOL))
            wall, own = time.monotonic() - began, children() - used
            reported = set(pd.read_csv(Path("results") / GRID / "summary.csv")["run"])
        trained = Counter(TRAINED.findall("\n".join(log.read_text() for log in logs)))
    if reported != set(names) or trained != Counter(names):
        sys.exit(f"reported {len(reported)}, trained {trained.total()} times, of {settings}")
    ended = children() - used
    return {
        "settings": settings,
        "workers": workers,
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(ended, 1),
        "of_these_the_parent": round(own, 1),
        "trained_once": len(trained),
        "lock_mib": round((parent / "dvc.lock").stat().st_size / 2**20, 2),
    }


def source(folder: Path, settings: int) -> list[str]:
    """The commit that all are clones of; names of its settings."""
    call(("git", "clone", "-q", ".", str(folder / "source")))
    with chdir(folder / "source"):
        names = lay_out(settings)
        remote = f"['remote \"store\"']\n    url = {folder / 'store'}\n"
        Path(".dvc/config").write_text(CONFIG + remote)
        who = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost")
        call(("git", *who, "commit", "-qam", "A grid to sweep"))
    return names


def clone(folder: Path, name: str) -> Path:
    """A checkout of its own."""
    call(("git", "clone", "-q", str(folder / "source"), str(folder / name)))
    return folder / name


def environment(place: Path, url: str) -> dict[str, str]:
    """What a process in that checkout needs, beside its own environment."""
    home = str(place.parent / "home")
    return {
        "PREFECT_API_URL": url,
        "PREFECT_HOME": home,
        "LAZYLEAP_ROOT": str(place),
        "PYTHONPATH": str(place),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }


@contextmanager
def serving(folder: Path, port: int) -> Iterator[str]:
    """A Prefect server with the pool; its address."""
    url = server.address(port)
    own = {**os.environ, **environment(folder / "source", url)}
    with (folder / "server.log").open("w") as log:
        process = leash.start(server.pages(port), cwd=folder, env=own, stdout=log, stderr=log)
        try:
            end = time.monotonic() + PATIENCE
            while not server.answers(url):
                if time.monotonic() > end:
                    sys.exit(f"{url}: no server answers")
                time.sleep(0.3)
            pool = (*PYTHON, "prefect", "work-pool", "create", POOL, "--type", "process")
            subprocess.run(pool, env=own, check=True, capture_output=True)
            yield url
        finally:
            leash.stop(process)


@contextmanager
def worker(place: Path, url: str) -> Iterator[Path]:
    """A worker in a checkout; its log."""
    path = place.parent / f"{place.name}.log"
    command = [*PYTHON, "prefect", "worker", "start", "--pool", POOL, "--limit", "1"]
    own = {**os.environ, **environment(place, url)}
    with path.open("w") as log:
        process = leash.start(
            [*command, "--name", place.name], cwd=place, env=own, stdout=log, stderr=log
        )
        try:
            yield path
        finally:
            leash.stop(process)


if __name__ == "__main__":
    run(main)
