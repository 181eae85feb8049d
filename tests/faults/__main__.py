"""``make faults``: thousands of spoilt files and hundreds of kills; goes on where it stopped.

Writes docs/reliability.md: what was really run, and what came of it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from lazyleap.errors import InputError
from lazyleap.settings import load
from tests.faults import kills, mutate
from tests.faults.readers import SUBJECTS, attack

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".scratch" / "faults.json"
PAGE = ROOT / "docs" / "reliability.md"
STEP = 100  # mutants between two looks at the clock
MARK = "<!-- make faults -->"


class Tally:
    """What was done so far, on disk after each piece."""

    def __init__(self) -> None:
        self.found: dict[str, dict] = json.loads(STATE.read_text()) if STATE.is_file() else {}

    def done(self, what: str) -> int:
        return self.found.get(what, {}).get("count", 0)

    def add(self, what: str, count: int, fault: str = "") -> None:
        entry = self.found.setdefault(what, {"count": 0, "faults": []})
        entry["count"] += count
        entry["faults"] += [fault] if fault else []
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10
        entry["mib"] = max(peak, entry.get("mib", 0))
        STATE.parent.mkdir(parents=True, exist_ok=True)
        STATE.write_text(json.dumps(self.found, indent=1))


def readers(tally: Tally, count: int, end: float) -> None:
    """Mutants of every reader's file, in turn, so that a break leaves all with some."""
    with tempfile.TemporaryDirectory() as scratch:
        places: dict[str, Path] = {}
        for name, subject in SUBJECTS.items():
            places[name] = Path(scratch) / str(len(places))
            places[name].mkdir()
            subject.make(places[name])
        while time.monotonic() < end:
            left = [name for name in SUBJECTS if tally.done(name) < count]
            if not left:
                return
            for name in left:
                if time.monotonic() > end:
                    return
                first = tally.done(name)
                fault = ""
                try:
                    attack(SUBJECTS[name], places[name], range(first, first + STEP))
                except AssertionError as error:
                    fault = str(error)[:300]
                tally.add(name, STEP, fault)


def parameters(tally: Tally, count: int, end: float) -> None:
    """Mutants of params.yaml: a Settings, or one sentence."""
    whole = (ROOT / "params.yaml").read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "params.yaml"
        while (first := tally.done("params.yaml")) < count and time.monotonic() < end:
            for number in range(first, first + STEP):
                path.write_bytes(mutate.yaml(whole, random.Random(number)))
                fault = _refused(path)
                if fault:
                    tally.add("params.yaml", 0, f"mutant {number}: {fault}")
            tally.add("params.yaml", STEP)


def _refused(path: Path) -> str:
    try:
        load(path)
    except InputError as error:
        return str(error)[:300] if "\n" in str(error) else ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    return ""


def killed(tally: Tally, count: int, end: float) -> None:
    """Series of kills, the kinds in turn."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            wanted = kills.lay_out(Path(scratch) / "project")
            while sum(map(tally.done, kills.KINDS)) < count and time.monotonic() < end:
                kind = min(kills.KINDS, key=tally.done)
                try:
                    tally.add(kind, kills.series(kind, tally.done(kind), 3, wanted))
                except AssertionError as error:
                    tally.add(kind, 3, str(error)[:300])
        finally:
            os.chdir(here)


def page(tally: Tally) -> None:
    """The table of what was run, below the mark of docs/reliability.md."""
    rows = ["| what | mutants or kills | faults | peak MiB |", "|---|---:|---:|---:|"]
    for what, entry in tally.found.items():
        faults = len(entry["faults"])
        rows.append(f"| {what} | {entry['count']:,} | {faults} | {entry['mib']:,} |")
    above = PAGE.read_text().partition(MARK)[0]
    PAGE.write_text(f"{above}{MARK}\n\n" + "\n".join(rows) + "\n")
    print("\n".join(rows))


def main() -> int:
    """Run what is left of it; the exit code says whether there was a fault."""
    parser = argparse.ArgumentParser(prog="tests.faults")
    parser.add_argument("--params", type=int, default=10_000, help="mutants of params.yaml")
    parser.add_argument("--mutants", type=int, default=2_000, help="mutants of each reader's file")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    asked = parser.parse_args()
    end, tally = time.monotonic() + asked.seconds, Tally()
    os.chdir(ROOT)
    readers(tally, asked.mutants, end)
    parameters(tally, asked.params, end)
    if asked.kills and time.monotonic() < end:
        killed(tally, asked.kills, end)
    page(tally)
    return int(any(entry["faults"] for entry in tally.found.values()))


if __name__ == "__main__":
    sys.exit(main())
