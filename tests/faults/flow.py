"""Kill a whole run at random moments, and look what is left and how the next one ends.

    python -m tests.faults.flow --kills 10

Each kill is SIGKILL of ``lazyleap run`` alone, at a seeded moment of it. Half a minute later no
process, no temporary folder and no run that Prefect calls running may be left. After every fifth
kill a run goes to its end, which must be the same to the bit as that of one that nobody killed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import RUNS, _small, commit, copy, edit
from tests.pipeline.processes import alive_in
from tests.pipeline.test_killed import unfinished

RUN = RUNS[0]
SETTLED = 30  # seconds after which nothing may be left
SERIES = 5  # kills between two runs that end
COMMAND = (sys.executable, "-m", "pipeline", "run")


def lay_out(folder: Path) -> Path:
    """A project of one setting, some seconds of training."""

    def longer(params: dict) -> None:
        _small(params)
        params["runs"] = {RUN: params["runs"][RUN]}
        params["tasks"]["glyphs"]["training"].update(meta_iterations=120, validate_every=5)

    edit(copy(folder) / "params.yaml", longer)
    return commit(folder)


def ended() -> dict[str, str]:
    """Run to the end; digests of all that a setting decides."""
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    places = (Path("artifacts") / stage for stage in ("train", "evaluate", "export"))
    files = (path for place in places for path in sorted(place.rglob("*")) if path.is_file())
    return {
        path.as_posix(): hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        for path in files
        if "tensorboard" not in path.parts  # which have times in them
    }


def forget() -> None:
    """As if nothing had been run."""
    for place in ("artifacts", "data/prepare", ".dvc/cache", ".dvc/tmp", ".scratch"):
        shutil.rmtree(place, ignore_errors=True)
    Path("dvc.lock").write_text("schema: '2.0'\n")


def kill(seconds: float, home: Path, scratch: Path, usual: set[Path]) -> str:
    """Kill a run after so long; what had been made by then. ``usual``: what torch caches.

    Raises:
        AssertionError: if something is left.
    """
    quiet = subprocess.DEVNULL
    with subprocess.Popen(COMMAND, stdout=quiet, stderr=quiet) as running:
        time.sleep(seconds)
        alive = running.poll() is None
        running.kill()
    left = alive_in(Path.cwd(), SETTLED)
    assert not left, f"{seconds:.1f} s: {left} is still at work"
    assert not unfinished(home), f"{seconds:.1f} s: {unfinished(home)} is called running"
    more = set(scratch.iterdir()) - usual
    assert not more, f"{seconds:.1f} s: {more} is left"
    if not alive:
        return "it had ended"
    at = sorted(path.name for path in Path("artifacts").glob("*"))
    held = list(Path(".scratch").rglob("checkpoint.pt"))
    return f"made: {', '.join(at) or 'nothing'}" + ("; a checkpoint" if held else "")


def main() -> int:
    """Kill so often; a fault ends it with a traceback."""
    parser = argparse.ArgumentParser(prog="tests.faults.flow")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        home, scratch = Path(folder) / "home", Path(folder) / "tmp"
        scratch.mkdir()
        os.environ |= {"PREFECT_HOME": str(home), "TMPDIR": str(scratch)}
        os.chdir(lay_out(Path(folder) / "project"))
        began = time.monotonic()
        wanted = ended()
        whole, usual = time.monotonic() - began, set(scratch.iterdir())
        print(f"nobody kills: {len(wanted)} files, {whole:.0f} s", flush=True)
        for number in range(asked.kills):
            if number % SERIES == 0:
                forget()
            moment = chance.uniform(0.02, 0.95) * whole
            made = kill(moment, home, scratch, usual)
            print(f"killed after {moment:.1f} s: {made}", flush=True)
            if number % SERIES == SERIES - 1 or number == asked.kills - 1:
                assert ended() == wanted, "other bytes"
                halves = [path for path in Path("artifacts").rglob(".*-????????") if path.is_dir()]
                assert not halves, f"{halves[0]} is left behind"
                print("the next run ends with the same bytes", flush=True)
        os.chdir("/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
