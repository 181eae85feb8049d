"""``make mutants``: a seeded sample of small faults, and how many of them the tests notice.

    python -m tests.mutation [--count 400] [--seed 0] [--only PATTERN] [--tests FOLDER ...]
                             [--jobs 2] [--minutes M] [--fresh] [--again]

Each fault is put into a copy of the project and the tests that reach its line are run, the
quickest first, until one fails. It goes on where it was stopped, as long as neither the library nor
the tests have changed. With --only or --tests it tries a part and
writes no report.

With --again it tries those that the last recorded run of the seed left unnoticed, as they stand in
the sources now, and records which of them are noticed; --tests names the files of tests to try
(then what was never tried is left out).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import random
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tests.mutation import report, runner
from tests.mutation.mutants import Mutant, mutants
from tests.mutation.session import Session, ready

PARTS = (
    "bilevel.py", "trees.py", "estimators/*.py", "algorithms/*.py", "training/*.py",
    "fewshot/*.py", "longtail/*.py", "attack/*.py", "statistics.py", "comparison.py", "items.py",
    "seeding.py", "blocks.py", "config.py", "settings.py", "setting.py", "parts.py", "registry.py",
    "traits.py", "kind.py", "results.py",
)  # fmt: skip
LEFT_OUT = ("*/card.py", "*/report.py", "*/export.py")  # words, charts, ONNX
Results = tuple[list[dict[str, Any]], float]  # and the CPU seconds of the map
LEAST = 3  # mutants of a file, if it has them


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
        left = [one for one in report.left(last) if fnmatch(one["file"], options.only)]
        if options.tests != ["tests"]:  # of what no test was tried on, these would say little
            left = [one for one in left if one["outcome"] == runner.SURVIVED]
        chosen = remaining(left, sample(sources(options.only), 10**9, 0))
        found, _ = _all(list(chosen.values()), options)
        placed = [one | {"place": p} for p, one in zip(chosen, found, strict=True)]
        report.record(report.again(last, placed))
        return
    found, mapped = _all(sample(sources(options.only), options.count, options.seed), options)
    if options.only == "*" and options.tests == ["tests"]:
        report.record(report.outcome(found, options.seed, mapped))


def _all(chosen: Sequence[Mutant], options: argparse.Namespace) -> Results:
    folder = runner.ROOT / ".scratch/mutants" / digest(options.tests)
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    runner.preload()
    with tempfile.TemporaryDirectory() as work:
        context = multiprocessing.get_context("fork")
        with context.Pool(options.jobs, ready, (Path(work),)) as pool:
            session = Session(folder, pool, options.minutes)
            tests = session.reach(options.jobs, options.tests)
            session.run(chosen, tests)
            while failed := session.check(tests):
                tests = {name: one for name, one in tests.items() if name not in failed}
                session.run(chosen, tests)
    found = list(map(session.result, chosen))
    print(report.summary(found))
    return found, session.mapped


if __name__ == "__main__":
    main()
