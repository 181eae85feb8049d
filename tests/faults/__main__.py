"""``make faults``: spoilt files, full disks, hundreds of kills; goes on where it stopped.

Cheap parts first. Writes docs/reliability.md: what was really run, and what came of it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lazyleap.errors import InputError
from lazyleap.settings import load
from tests import conftest
from tests.faults import disks, kills, misread, mutate
from tests.faults.readers import SUBJECTS, attack
from tests.faults.tally import ROOT, Tally, page

STEP = 100  # mutants between two looks at the clock
KILLS = 4  # of a series


def readers(tally: Tally, count: int, end: float) -> None:
    """Mutants of every reader's file, in turn, so that a break leaves all with some."""
    with tempfile.TemporaryDirectory() as scratch:
        places: dict[str, Path] = {}
        for name, subject in SUBJECTS.items():
            places[name] = Path(scratch) / str(len(places))
            places[name].mkdir()
            subject.make(places[name])
        while left := [name for name in SUBJECTS if tally.done(name) < count]:
            for name in left:
                if time.monotonic() > end:
                    return
                first = tally.done(name)
                tally.add(name, STEP, *_spoilt(name, places[name], range(first, first + STEP)))


def _spoilt(name: str, folder: Path, numbers: range) -> Iterator[str]:
    for number in numbers:
        try:
            attack(SUBJECTS[name], folder, range(number, number + 1))
        except AssertionError as error:
            yield str(error)


def parameters(tally: Tally, count: int, end: float) -> None:
    """Mutants of params.yaml: a Settings that says what the file does, or one sentence."""
    whole = (ROOT / "params.yaml").read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "params.yaml"
        while (first := tally.done("params.yaml")) < count and time.monotonic() < end:
            faults = []
            for number in range(first, first + STEP):
                path.write_bytes(mutate.yaml(whole, random.Random(number)))
                if fault := _refused(path):
                    word, _, words = fault.partition(": ")
                    faults.append(f"{word}: mutant {number}: {words}")
            tally.add("params.yaml", STEP, *faults)


def _refused(path: Path) -> str:
    start = time.process_time()
    try:
        load(path)
    except InputError as error:
        return f"sentence: {error}" if "\n" in str(error) else ""
    except Exception as error:
        return f"traceback: {type(error).__name__}: {error}"
    if time.process_time() - start > 10:
        return "hangs: more than 10 s"
    return misread.fault(path)


def full(tally: Tally, wanted: dict[str, str], end: float) -> None:
    """A disk that is full and one that is read-only, under every writer."""
    for what, how in disks.CASES:
        name = f"{how} disk: {what}"
        if tally.done(name) or time.monotonic() > end:
            continue
        try:
            disks.refuse(what, how, wanted)
        except AssertionError as error:
            tally.add(name, 1, str(error))
        else:
            tally.add(name, 1)


def killed(tally: Tally, wanted: dict[str, str], count: int, end: float) -> None:
    """Series of kills, the kinds in turn."""
    while sum(map(tally.done, kills.KINDS)) < count and time.monotonic() < end:
        kind = min(kills.KINDS, key=lambda name: tally.done(name) / kills.KINDS[name].share)
        try:
            tally.add(kind, kills.series(kind, tally.done(kind, "calls"), KILLS, wanted))
        except AssertionError as error:
            tally.add(kind, KILLS, str(error))


@contextmanager
def project() -> Iterator[dict[str, str]]:
    """A small project, finished, as the current folder."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            yield kills.lay_out(Path(scratch) / "project")
        finally:
            os.chdir(here)


def main() -> int:
    """Run what is left of it; the exit code says whether there was a fault."""
    parser = argparse.ArgumentParser(prog="tests.faults")
    parser.add_argument("--params", type=int, default=10_000, help="mutants of params.yaml")
    parser.add_argument("--mutants", type=int, default=2_000, help="mutants of each reader's file")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--no-disks", action="store_true", help="no full disks, which take root")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    asked = parser.parse_args()
    end, tally = time.monotonic() + asked.seconds, Tally()
    os.chdir(ROOT)
    readers(tally, asked.mutants, end)
    parameters(tally, asked.params, end)
    if asked.kills or not asked.no_disks:
        with project() as wanted:
            if not asked.no_disks:
                full(tally, wanted, end)
            killed(tally, wanted, asked.kills, end)
    page(tally)
    return int(bool(tally.faults()))


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        conftest.pytest_unconfigure()
