"""The results of one state of the sources, found by processes with a copy of the project each."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

from tests.mutation import reach, report, runner
from tests.mutation.mutants import Mutant
from tests.mutation.runner import LIMIT, SECONDS

FEW = 12  # tests of the first two attempts: files that need not be collected cost nothing
QUICK = ["-m", "not slow and not system", "--maxfail=0"]

_work: dict[str, Any] = {}


def ready(folder: Path) -> None:
    """A process begins: with a copy of the project."""
    name = multiprocessing.current_process().name.replace(":", "-")
    _work["place"] = runner.workplace(folder / name)


def _reached(words: tuple[Sequence[str], Path]) -> float:
    files, out = words
    place = _work["place"]
    code, seconds = runner.run(place, [*files, *QUICK], reach.Reach(place, out), limit=7200)
    assert code in (0, 1, 5), f"pytest ended with {code}: see {place}.log"
    return seconds


def _tried(job: tuple[Mutant, list[str], float]) -> tuple[Mutant, runner.Done]:
    mutant, tests, late = job
    if time.monotonic() > late:
        return mutant, runner.Done(runner.UNTRIED, "", 0.0)
    file = _work["place"] / mutant.file
    whole = file.read_text()
    file.write_text(mutant.apply(whole))
    try:
        done, spent = runner.attempt(_work["place"], [], LIMIT), 0.0
        for part in filter(None, (tests[:1], tests[1:FEW], tests[FEW:])):
            done = runner.attempt(_work["place"], part, LIMIT)
            spent += done.seconds
            if done.outcome != runner.SURVIVED:
                break
        return mutant, replace(done, seconds=spent)
    finally:
        file.write_text(whole)


class Session:
    """The results so far, of one state of the sources."""

    def __init__(self, folder: Path, pool: Any, minutes: float) -> None:
        self.folder, self.pool, self.path = folder, pool, folder / "results.jsonl"
        self.late = time.monotonic() + 60 * minutes
        folder.mkdir(parents=True, exist_ok=True)
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.results = {(r["key"], r["first"]): r for r in map(json.loads, lines)}

    def reach(self, jobs: int, folders: Sequence[str]) -> dict[str, Any]:
        """Which tests of these folders reach what; found once."""
        path = self.folder / "reach.json"
        if not path.exists():
            tests = {t for name in folders for t in _tests(runner.ROOT / name)}
            names = sorted(str(t.relative_to(runner.ROOT)) for t in tests)
            count = min(len(names), 4 * jobs)  # without a file, pytest would run all
            shares = [(names[i::count], self.folder / f"reach-{i}") for i in range(count)]
            print(f"which of {len(names)} files of tests reach what ...", flush=True)
            seconds = sum(self.pool.imap_unordered(_reached, shares))
            found = {k: v for _, part in shares for k, v in json.loads(part.read_text()).items()}
            path.write_text(json.dumps({"seconds": seconds, "tests": found}))
        self.mapped: float = json.loads(path.read_text())["seconds"]
        found: dict[str, Any] = json.loads(path.read_text())["tests"]
        return found

    def run(self, chosen: Iterable[Mutant], tests: dict[str, Any]) -> None:
        """Try those that were not tried yet."""
        known = self.killers()
        left = [m for m in chosen if (m.key, m.first) not in self.results]
        left.sort(key=lambda m: _patience(m, known))
        jobs = [(m, _order(known.get(m.key, ""), m, tests), self.late) for m in left]
        for mutant, done in self.pool.imap_unordered(_tried, jobs):
            if done.outcome == runner.UNTRIED:
                continue
            one = asdict(mutant) | asdict(done) | {"key": mutant.key}
            self.results[mutant.key, mutant.first] = one
            with self.path.open("a") as file:
                print(json.dumps(one), file=file)
            words = f"{len(self.results):4} {done.outcome:9} {mutant.file}:{mutant.line}"
            print(words, report.change(one), f"({done.by})", flush=True)

    def killers(self) -> dict[str, str]:
        """What noticed a mutant in whichever state of the sources, "" if nothing did in any."""
        lines = [p.read_text().splitlines() for p in self.folder.parent.glob("*/results.jsonl")]
        found = list(map(json.loads, chain.from_iterable(lines)))
        killed = {one["key"]: one["by"] for one in found if one["outcome"] == runner.KILLED}
        return dict.fromkeys((one["key"] for one in found), "") | killed

    def result(self, mutant: Mutant) -> dict[str, Any]:
        """What became of it."""
        untried = asdict(mutant) | asdict(runner.Done(runner.UNTRIED, "", 0.0))
        return self.results.get((mutant.key, mutant.first), untried | {"key": mutant.key})

    def check(self, tests: dict[str, Any]) -> list[str]:
        """Killers that fail without any fault are none: forget what they killed."""
        path = self.folder / "checked.json"
        checked = set(json.loads(path.read_text())) if path.exists() else set()
        names = sorted({r["by"] for r in self.results.values()} & tests.keys() - checked)
        failed = self.pool.apply(_whole, (names,)).by.splitlines() if names else []
        path.write_text(json.dumps(sorted(checked.union(names).difference(failed))))
        self.results = {k: r for k, r in self.results.items() if r["by"] not in failed}
        lines = (json.dumps(r) + "\n" for r in self.results.values())
        self.path.write_text("".join(lines))
        return failed


def _patience(mutant: Mutant, known: dict[str, str]) -> tuple[bool, bool]:
    """Last come those that survived before, and before them those of a kind that often does."""
    survived = known.get(mutant.key) == ""
    return survived, not known.get(mutant.key) and mutant.operator in ("comparison", "constant")


def _order(known: str, mutant: Mutant, tests: dict[str, Any]) -> list[str]:
    found = reach.killers(tests, mutant.file, mutant.lines, SECONDS)
    return [known, *(t for t in found if t != known)] if known in tests else found


def _tests(path: Path) -> Iterable[Path]:
    return [path] if path.is_file() else path.rglob("test_*.py")


def _whole(names: list[str]) -> runner.Done:
    return runner.attempt(_work["place"], names, 3600, go_on=True)
