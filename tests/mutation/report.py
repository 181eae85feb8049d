"""docs/mutants.md: how many were noticed, area by area, and every one that was not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from stages.provenance import processor
from tests.mutation import runner
from tests.mutation.runner import LIMIT, SECONDS

PAGE = runner.ROOT / "docs/mutants.md"
RECORDED = Path(__file__).with_name("recorded.json")
WORDS = Path(__file__).with_name("survivors.yaml")
AREAS = {  # of files that lie in no folder of the library
    "arithmetic and chance": ("bilevel", "trees", "seeding"),
    "results and statistics": ("statistics", "comparison", "items", "results"),
}
SETTINGS = "settings and traits"  # all other files
ALIVE = (runner.SURVIVED, runner.UNTRIED)
UNSAID = {runner.SURVIVED: "Not looked at.", runner.UNTRIED: "Not tried."}
NEVER: dict[str, Any] = {"noticed": {}}
MADE_OF = ("lazyleap", "stages", "tests", ":!tests/mutation")
HEAD = """\
# Mutants

How many small faults the tests notice, counted by `make mutants`, which writes this page
(`python -m tests.mutation --seed S --count N` draws others).

Each fault is one change of one place: a comparison at its edge, another arithmetic operation, a
number one more or less, a condition turned round, *and* for *or*, a statement or a keyword left
out, two arguments or results swapped, a function left out, the other end of a slice
(`tests/mutation/operators.py`). Each file has its share of the sample. A fault counts as noticed
when a test of `make test` fails that passes without it, or when the tests do not end (*endless*:
{limit:.0f} CPU seconds). It is tried with the likeliest {seconds:.0f} seconds of the tests that
reach it. One that changes nothing that could be seen counts as not noticed all the same, and so
does one that no time was left for (*untried*): the share is then the least that it can be. Hours
are of the CPU.

All runs, oldest first. Those that a sample left unnoticed are tried again with the tests that were
written since (`--again`): the columns "since" say at which commit, and count them in.

| seed | of | commit | noticed | % | endless | untried | since | noticed | % | hours | processor |
|---|---|---|---|---|---|---|---|---|---|---|---|
{runs}
"""
PART = """
## Seed {seed}, commit {commit}

| area | noticed | of |
|---|---|---|
{areas}

Noticed since:

{since}

Not noticed:

{survivors}
"""


def change(one: dict[str, Any]) -> str:
    """Where and what, on a line."""
    inside = f" in `{one['inside']}`" if one["inside"] else ""
    old, new = (" ".join(one[key].split()) or "(nothing)" for key in ("old", "new"))
    return f"{inside}: `{old}` -> `{new}`".lstrip()


def survived(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that no test noticed, or that no time was left for."""
    return [one for one in found if one["outcome"] in ALIVE]


def summary(found: Sequence[dict[str, Any]]) -> str:
    """Two numbers, and the survivors."""
    alive = survived(found)
    lines = [f"{one['file']}:{one['line']} {change(one)}" for one in alive]
    share = 100 * (1 - len(alive) / max(1, len(found)))
    return "\n".join([*lines, f"{len(found) - len(alive)} of {len(found)} noticed: {share:.1f} %"])


def area(file: str) -> str:
    """What a file of the library is about."""
    path = Path(file).relative_to("lazyleap")
    named = [name for name, stems in AREAS.items() if path.stem in stems]
    return path.parts[0] if len(path.parts) > 1 else (named or [SETTINGS])[0]


def outcome(found: Sequence[dict[str, Any]], seed: int, mapped: float) -> dict[str, Any]:
    """A run as it is recorded; ``mapped``: CPU seconds of finding which tests reach what."""
    areas: dict[str, list[int]] = {}
    for one in found:
        counts = areas.setdefault(area(one["file"]), [0, 0])
        counts[0] += one["outcome"] not in ALIVE
        counts[1] += 1
    kept = ("key", "file", "line", "inside", "old", "new", "outcome")
    alive = [{key: one[key] for key in kept} for one in survived(found)]
    return {
        "seed": seed,
        "commit": _commit(),
        "hours": round((mapped + sum(one["seconds"] for one in found)) / 3600, 2),
        "processor": processor(),
        "endless": sum(one["outcome"] == runner.TIMEOUT for one in found),
        "areas": areas,
        "untried": sum(one["outcome"] == runner.UNTRIED for one in found),
        "survivors": sorted(alive, key=lambda one: (one["file"], one["line"])),
    }


def recorded(path: Path = RECORDED) -> list[dict[str, Any]]:
    """All runs, oldest first."""
    runs: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return runs


def record(run: dict[str, Any]) -> None:
    """Add a run, in place of one of the same seed and commit; rewrite the page."""
    same = ("seed", "commit")
    runs = [one for one in recorded() if any(one[key] != run[key] for key in same)]
    runs.append(run)
    RECORDED.write_text(json.dumps(runs, indent=1) + "\n")
    words = yaml.safe_load(WORDS.read_text()) if WORDS.exists() else {}
    PAGE.write_text(page(runs, words))


def again(run: dict[str, Any], found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The run with what tests written since make of its survivors: ``found``, by their places."""
    since = {"commit": _commit(), "noticed": run.get("since", NEVER)["noticed"] | noticed(found)}
    return run | {"since": since}


def noticed(found: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The test that noticed each, by the place it had in its run's sources."""
    return {one["place"]: one["by"] for one in found if one["outcome"] not in ALIVE}


def place(one: dict[str, Any]) -> str:
    """What tells two of one key apart."""
    return f"{one['line']} {one['key']}"


def left(run: dict[str, Any]) -> list[dict[str, Any]]:
    """The survivors that nothing noticed since."""
    return [one for one in run["survivors"] if place(one) not in run.get("since", NEVER)["noticed"]]


def page(runs: Sequence[dict[str, Any]], words: dict[str, str]) -> str:
    """The page: every run in a line, the last of each seed in full.

    ``words`` say of survivors, by key, why they are not noticed.
    """
    last = {run["seed"]: run for run in runs}
    head = HEAD.format(seconds=SECONDS, limit=LIMIT, runs="\n".join(map(_line, runs)))
    return head + "".join(_part(run, words) for _, run in sorted(last.items()))


def _line(run: dict[str, Any]) -> str:
    first, of = _total(run)
    since = of - len(left(run))
    later = [run["since"]["commit"], since, _share(since, of)] if "since" in run else [""] * 3
    ran = [run["seed"], of, run["commit"], first, _share(first, of), run["endless"], run["untried"]]
    return f"| {' | '.join(map(str, [*ran, *later, run['hours'], run['processor']]))} |"


def _share(part: int, of: int) -> str:
    return f"{100 * part / of:.1f}"


def _total(run: dict[str, Any]) -> tuple[int, int]:
    found, of = (sum(column) for column in zip(*run["areas"].values(), strict=True))
    return found, of


def _part(run: dict[str, Any], words: dict[str, str]) -> str:
    areas = [f"| {name} | {n} | {of} |" for name, (n, of) in sorted(run["areas"].items())]
    tests, alive = run.get("since", NEVER)["noticed"], left(run)
    since = [f"{_where(one)}: {tests[place(one)]}" for one in run["survivors"] if one not in alive]
    why = [words.get(one["key"], UNSAID[one["outcome"]]) for one in alive]
    survivors = [f"{_where(one)}. {word}" for one, word in zip(alive, why, strict=True)]
    return PART.format(
        seed=run["seed"],
        commit=run["commit"],
        areas="\n".join(areas),
        since="\n".join(since) or "None.",
        survivors="\n".join(survivors) or "None.",
    )


def _where(one: dict[str, Any]) -> str:
    return f"- `{one['file']}`:{one['line']} {change(one)}"


def _commit() -> str:
    """What is checked out, but for these tools themselves."""
    changed = _git("status", "--porcelain", "--", *MADE_OF)
    return (_git("rev-parse", "--short=10", "HEAD") or "unknown") + "-dirty" * bool(changed)


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=runner.ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
