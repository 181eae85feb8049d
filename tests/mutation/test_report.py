"""The page of what was recorded: every run a line, the last of a seed in full."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import yaml

from tests.mutation import report
from tests.mutation.__main__ import remaining, sample, sources

FOUND = [
    {"outcome": outcome, "file": f"lazyleap/{file}", "line": 3, "inside": "f", "seconds": 900.0,
     "old": "a\n  + b", "new": "((a) - (b))", "key": file, "by": ""}
    for file, outcome in [("trees.py", "killed"), ("attack/zoo.py", "survived"),
                          ("attack/zoo.py", "killed"), ("kind.py", "timeout")]
]  # fmt: skip


SURVIVOR = "- `lazyleap/attack/zoo.py`:3 in `f`: `a + b` -> `((a) - (b))`"


@pytest.mark.parametrize(
    ("file", "area"),
    [
        ("attack/square.py", "attack"),
        ("statistics.py", "results and statistics"),
        ("trees.py", "arithmetic and chance"),
        ("setting.py", "settings and traits"),
    ],
)
def test_a_files_area(file, area):
    assert report.area(f"lazyleap/{file}") == area


def test_a_run_is_counted_by_area_and_a_fault_that_never_ends_is_noticed():
    run = report.outcome(FOUND, 4, 3600.0)
    assert (run["seed"], run["hours"], len(run["survivors"])) == (4, 2.0, 1)
    assert run["areas"] == {
        "arithmetic and chance": [1, 1],
        "attack": [1, 2],
        "settings and traits": [1, 1],
    }


def test_the_page_has_every_run_in_a_line_and_the_last_of_a_seed_in_full():
    first = report.outcome(FOUND, 4, 0.0) | {"commit": "before"}
    second = report.outcome(FOUND[:1], 4, 0.0) | {"commit": "after"}
    other = report.outcome(FOUND, 2, 0.0) | {"commit": "after"}
    text = report.page([first, second, other], {"attack/zoo.py": "Symmetric."})
    lines = [line.split(" | ")[:8] for line in text.splitlines() if line.startswith("| 4 | ")]
    assert lines == [
        ["| 4", "4", "before", "3", "75.0", "1", "0", ""],
        ["| 4", "1", "after", "1", "100.0", "0", "0", ""],
    ]
    assert text.index("## Seed 2, commit after") < text.index("## Seed 4, commit after")
    assert "Seed 4, commit before" not in text
    assert text.count(f"{SURVIVOR}. Symmetric.") == 1
    assert text.endswith("Not noticed:\n\nNone.\n")


def test_what_is_noticed_since_is_counted_apart_and_tried_no_more():
    two = [FOUND[1], FOUND[1] | {"line": 9, "outcome": "untried"}]
    run = report.outcome([FOUND[0], *two], 4, 0.0) | {"commit": "before"}
    tried = [
        FOUND[1] | {"place": report.place(one), "outcome": outcome, "by": outcome}
        for one, outcome in zip(two, ("killed", "survived"), strict=True)
    ]
    later = report.again(run, tried) | {"commit": "before"}
    assert [one["line"] for one in report.left(later)] == [9]
    line = report.page([later], {}).split("| 4 | 3 | before | ")[1].split(" | ")
    assert [*line[:4], *line[5:7]] == ["1", "33.3", "0", "1", "2", "66.7"]
    assert f"Noticed since:\n\n{SURVIVOR}: killed\n\nNot noticed:\n\n" in report.page([later], {})
    whole = report.again(later, [tried[1] | {"outcome": "timeout"}])
    assert not report.left(whole)


def test_what_is_left_is_found_again_at_the_nearest_line():
    every = sample(sources("*/trees.py"), 10**9, 0)
    mutant = every[3]
    twin = replace(mutant, line=mutant.line + 50, first=mutant.first + 1)
    one = {**asdict(mutant), "key": mutant.key}
    near, far = one | {"line": mutant.line + 3}, one | {"line": mutant.line + 40}
    gone = one | {"key": "gone"}
    found = remaining([near, far, gone], [*every, twin])
    assert found == {report.place(near): mutant, report.place(far): twin}


def test_the_page_is_what_was_recorded_with_a_word_for_each_survivor():
    runs, words = report.recorded(), yaml.safe_load(report.WORDS.read_text())
    assert report.PAGE.read_text() == report.page(runs, words)
    alive = [one for run in {run["seed"]: run for run in runs}.values() for one in report.left(run)]
    tried = {one["key"] for one in alive if one["outcome"] == "survived"}
    assert tried <= words.keys() <= {one["key"] for one in alive}


def test_a_sample_is_drawn_by_its_seed_from_nearly_every_file():
    files = sources("*")
    one, same, other = (sample(files, 400, seed) for seed in (0, 0, 1))
    assert one == same != other
    assert len(one) == len(set(one)) == 400
    every = {mutant.file for mutant in sample(files, 10**6, 0)}
    assert len({mutant.file for mutant in one}) > 0.9 * len(every)
