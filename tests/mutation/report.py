"""docs/mutants.md: how many were noticed, file by file, and every one that was not."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.mutation import runner

PAGE = runner.ROOT / "docs/mutants.md"
WORDS = Path(__file__).with_name("survivors.yaml")
HEAD = """\
# Mutants

How many small faults the tests notice: {killed} of {total}, {share:.1f} %. `make mutants`, seed
{seed}, commit {commit}, {hours:.2f} CPU hours on {machine}.

Each fault is one change of one place: a comparison at its edge, another arithmetic operation, a
number one more or less, a condition turned round, *and* for *or*, a statement or a keyword left
out, two arguments or results swapped, a function left out, the other end of a slice
(`tests/mutation/operators.py`). {total} are drawn, each file having its share of them. A fault
counts as noticed when a test of `make test` fails that passes without it, or when the tests never
end. One that changes nothing that could be seen counts as not noticed all the same.

| file | noticed | of |
|---|---|---|
{rows}

## Not noticed

{survivors}
"""


def change(one: dict[str, Any]) -> str:
    """Where and what, on a line."""
    inside = f" in `{one['inside']}`" if one["inside"] else ""
    old, new = (" ".join(one[key].split()) or "(nothing)" for key in ("old", "new"))
    return f"{inside}: `{old}` -> `{new}`".lstrip()


def survived(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that no test noticed."""
    return [one for one in found if one["outcome"] == runner.SURVIVED]


def summary(found: Sequence[dict[str, Any]]) -> str:
    """Two numbers, and the survivors."""
    alive = survived(found)
    lines = [f"{one['file']}:{one['line']} {change(one)}" for one in alive]
    share = 100 * (1 - len(alive) / max(1, len(found)))
    return "\n".join([*lines, f"{len(found) - len(alive)} of {len(found)} noticed: {share:.1f} %"])


def write(found: Sequence[dict[str, Any]], seed: int, mapped: float) -> None:
    """The page, with a word for each survivor out of survivors.yaml."""
    words = yaml.safe_load(WORDS.read_text()) or {} if WORDS.exists() else {}
    alive = survived(found)
    seconds = mapped + sum(one["seconds"] for one in found)
    PAGE.write_text(
        HEAD.format(
            killed=len(found) - len(alive),
            total=len(found),
            share=100 * (1 - len(alive) / len(found)),
            seed=seed,
            commit=_commit(),
            hours=seconds / 3600,
            machine=platform.processor() or platform.machine(),
            rows="\n".join(_rows(found)),
            survivors="\n".join(_survivors(alive, words)) or "None.",
        )
    )


def _rows(found: Sequence[dict[str, Any]]) -> list[str]:
    rows = []
    for file in sorted({one["file"] for one in found}):
        those = [one for one in found if one["file"] == file]
        rows.append(f"| `{file}` | {len(those) - len(survived(those))} | {len(those)} |")
    return rows


def _survivors(alive: Sequence[dict[str, Any]], words: dict[str, str]) -> list[str]:
    lines = []
    for one in sorted(alive, key=lambda one: (one["file"], one["line"])):
        word = words.get(one["key"], "not looked at yet")
        lines.append(f"- `{one['file']}`:{one['line']} {change(one)}. {word}.")
    return lines


def _commit() -> str:
    words = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(words, cwd=runner.ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
