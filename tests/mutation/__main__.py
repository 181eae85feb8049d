"""``make mutants``: a seeded sample of small faults, and how many of them the tests notice.

    python -m tests.mutation [--count 400] [--seed 0] [--only PATTERN] [--tests FOLDER ...]
                             [--jobs 2] [--minutes M] [--fresh] [--again]

Each fault is put into a copy of the project and the tests that reach its line are run, the
quickest first, until one fails. It goes on where it was stopped, as long as neither the library nor
the tests have changed. With --only or --tests it tries a part and
writes no report.

With --again it tries those that the last recorded run of the seed left unnoticed, as they stand in
the sources now, and records which of them are noticed; --tests names the files of tests to try.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import random
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path
from typing import Any

from tests.mutation import reach, report, runner
from tests.mutation.mutants import Mutant, mutants
from tests.mutation.runner import LIMIT, SECONDS

PARTS = (
    "bilevel.py", "trees.py", "estimators/*.py", "algorithms/*.py", "training/*.py",
    "fewshot/*.py", "longtail/*.py", "attack/*.py", "statistics.py", "comparison.py", "items.py",
    "seeding.py", "blocks.py", "config.py", "settings.py", "setting.py", "parts.py", "registry.py",
    "traits.py", "kind.py", "results.py",
)  # fmt: skip
LEFT_OUT = ("*/card.py", "*/report.py", "*/export.py")  # words, charts, ONNX
LEAST = 3  # mutants of a file, if it has them
FEW = 12  # tests of the first two attempts: files that need not be collected cost nothing
QUICK = ["-m", "not slow and not system", "--maxfail=0"]

_work: dict[str, Any] = {}


def sources(only: str) -> list[Path]:
    """The files that are mutated."""
    top = runner.ROOT / "lazyleap"
    found = sorted({path for part in PARTS for path in top.glob(part)})
    names = {path: str(path.relative_to(runner.ROOT)) for path in found}
    return [p for p in found if fnmatch(names[p], only) and not any(p.match(x) for x in LEFT_OUT)]


def sample(files: Sequence[Path], count: int, seed: int) -> list[Mutant]:
    """``count`` of all, each file having its share and at least a few."""
    every = {str(f.relative_to(runner.ROOT)): f.read_text() for f in files}
    found = {name: mutants(name, text) for name, text in every.items()}
    total = sum(map(len, found.values()))
    chosen: list[Mutant] = []
    for name, all_of_it in found.items():
        share = max(LEAST, round(count * len(all_of_it) / total))
        chance = random.Random(f"{seed}/{name}")
        chosen += chance.sample(all_of_it, min(share, len(all_of_it)))
    random.Random(seed).shuffle(chosen)
    return chosen[:count]


def remaining(left: Iterable[dict[str, Any]], every: Sequence[Mutant]) -> dict[str, Mutant]:
    """By their recorded place those of ``every`` that were left unnoticed: the nearest of a key."""
    found: dict[str, Mutant] = {}
    for one in left:
        same = [m for m in every if m.key == one["key"]]
        if same:
            found[report.place(one)] = min(same, key=lambda m: abs(m.line - one["line"]))
        else:
            print(f"no more: {one['file']}:{one['line']} {report.change(one)}", flush=True)
    return found


def digest(*about: object) -> str:
    """Of library, tests and options: what results depend on."""
    total = hashlib.sha256(json.dumps(about).encode())
    for folder in ("lazyleap", "stages", "tests"):
        for path in sorted((runner.ROOT / folder).rglob("*.py")):
            if "mutation" not in path.parts:
                total.update(str(path.relative_to(runner.ROOT)).encode() + path.read_bytes())
    return total.hexdigest()[:16]


def _ready(folder: Path) -> None:
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
            shares = [(names[i :: 4 * jobs], self.folder / f"reach-{i}") for i in range(4 * jobs)]
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
        left.sort(key=lambda m: -1 if known.get(m.key) else m.key in known)  # survivors last
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
        names = sorted({r["by"] for r in self.results.values()} & tests.keys())
        done = self.pool.apply(_whole, (names,))
        failed = done.by.splitlines()
        self.results = {k: r for k, r in self.results.items() if r["by"] not in failed}
        lines = (json.dumps(r) + "\n" for r in self.results.values())
        self.path.write_text("".join(lines))
        return failed


def _order(known: str, mutant: Mutant, tests: dict[str, Any]) -> list[str]:
    found = reach.killers(tests, mutant.file, mutant.lines, SECONDS)
    return [known, *(t for t in found if t != known)] if known in tests else found


def _tests(path: Path) -> Iterable[Path]:
    return [path] if path.is_file() else path.rglob("test_*.py")


def _whole(names: list[str]) -> runner.Done:
    return runner.attempt(_work["place"], names, 3600, go_on=True)


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="*", help="files, such as 'lazyleap/training/*'")
    parser.add_argument(
        "--tests", nargs="*", default=["tests"], help="folders or files of tests to try"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=1e4, help="then nothing more is tried")
    parser.add_argument("--fresh", action="store_true", help="forget what was found before")
    parser.add_argument("--again", action="store_true", help="what the last run left unnoticed")
    options = parser.parse_args()
    if options.again:
        last = [run for run in report.recorded() if run["seed"] == options.seed][-1]
        chosen = remaining(report.left(last), sample(sources(options.only), 10**9, 0))
        found = _all(list(chosen.values()), options)
        placed = [one | {"place": p} for p, one in zip(chosen, found, strict=True)]
        report.record(report.again(last, placed))
        return
    found = _all(sample(sources(options.only), options.count, options.seed), options)
    if options.only == "*" and options.tests == ["tests"]:
        report.record(report.outcome(found, options.seed, _work["mapped"]))


def _all(chosen: Sequence[Mutant], options: argparse.Namespace) -> list[dict[str, Any]]:
    folder = runner.ROOT / ".scratch/mutants" / digest(options.tests)
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    runner.preload()
    with tempfile.TemporaryDirectory() as work:
        context = multiprocessing.get_context("fork")
        with context.Pool(options.jobs, _ready, (Path(work),)) as pool:
            session = Session(folder, pool, options.minutes)
            tests = session.reach(options.jobs, options.tests)
            session.run(chosen, tests)
            while failed := session.check(tests):
                tests = {name: one for name, one in tests.items() if name not in failed}
                session.run(chosen, tests)
    found = list(map(session.result, chosen))
    print(report.summary(found))
    _work["mapped"] = session.mapped
    return found


if __name__ == "__main__":
    main()
