"""An edit of params.yaml: the value is in, and every other character is where it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lazyleap import yamledit
from lazyleap.errors import InputError
from lazyleap.yamledit import put, put_all
from tests.conftest import ROOT

PATH = Path("params.yaml")
TEXT = """\
# a head
runs:              # the settings
  one:   # ä comment
    {task: a,
     seed: 0}      # and its end
  two: {task: b, inner: {lr: 0.1}, seed: 1}
  three:
    task: c  # of its own

    seed: 2      # the last
  four: {}
list: [1, 2]
"""


def read(text):
    return YAML(typ="safe").load(text)


@pytest.mark.parametrize(
    ("keys", "value", "old", "new"),
    [
        (("runs", "one", "n"), 5, "seed: 0}      #", "seed: 0, n: 5}      #"),
        (("runs", "one", "seed"), 7, "seed: 0}", "seed: 7}"),
        (("runs", "two", "inner", "lr"), 0.003, "lr: 0.1", "lr: 0.003"),
        (("runs", "two", "outer", "lr"), 0.003, "1}\n", "1, outer: {lr: 0.003}}\n"),
        (("runs", "three", "n"), 5, "# the last\n", "# the last\n    n: 5\n"),
        (("runs", "three", "task"), "d", "task: c", "task: d"),
        (("runs", "four", "n"), 5, "four: {}", "four: {n: 5}"),
        (("list",), [3], "[1, 2]", "[3]"),
        (("list",), [None, True, False, "x"], "[1, 2]", "[null, true, false, x]"),
    ],
    ids=str,
)
def test_only_the_value_is_new(keys, value, old, new):
    found = put(TEXT, keys, value, PATH)
    assert found == TEXT.replace(old, new, 1)
    here = read(found)
    for key in keys:
        here = here[key]
    assert here == value


def test_a_file_without_a_last_line_break():
    assert put("a: 1", ["b"], 2, PATH) == "a: 1\nb: 2"


@pytest.mark.parametrize("length", [80, 82, 83, 84, 90])
def test_a_line_that_would_be_wide_is_broken(length):
    text = "runs:\n  one: {task: " + "a" * (length - len("  one: {task: }")) + "}\n"
    found = put(text, ["runs", "one", "iterations"], 5, PATH)
    lines = found.splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) == (2 if length + len(", iterations: 5") <= 100 else 3)
    assert read(found)["runs"]["one"]["iterations"] == 5
    assert lines[-1].startswith("  one: " if len(lines) == 2 else "        iterations")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a: &x {n: 1}\nb: *x\n", ("b", "n")),  # would change a, too
        ("a: |\n  words\n", ("a",)),
        ("a:\n  b: 1\n", ("a",)),
        ("a:\n  b: 1\n", ("c",)),
        ("a: [1]\n", ("a", "b")),
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text, keys):
    with pytest.raises(InputError, match=r"^params\.yaml: [abcn.]+: cannot be set to 5 without"):
        put(text, keys, 5, PATH)


@pytest.mark.parametrize("grid", sorted((ROOT / "grids").glob("*/params.yaml")), ids=str)
def test_every_run_of_the_grids_can_be_given_a_budget_and_a_rate(grid):
    text = grid.read_text()
    wanted = read(text)
    for name in wanted["runs"]:
        text = put(text, ("runs", name, "meta_iterations"), 123, grid)
        text = put(text, ("runs", name, "outer", "lr"), 0.01, grid)
        wanted["runs"][name] |= {"meta_iterations": 123, "outer": {"lr": 0.01}}
    assert read(text) == wanted


def test_many_values_are_put_as_one_after_the_other_for_two_readings(monkeypatch):
    grid = ROOT / "params.yaml"
    text, readings = grid.read_text(), []
    counts = {("runs", name, "meta_iterations"): i for i, name in enumerate(read(text)["runs"], 1)}
    one_by_one = text
    for keys, value in counts.items():
        one_by_one = put(one_by_one, keys, value, grid)
    parse = yamledit.parse
    monkeypatch.setattr(yamledit, "parse", lambda *a: readings.append(a) or parse(*a))
    assert put_all(text, counts, grid) == one_by_one
    assert len(readings) == 2


def test_of_many_values_two_of_one_place_meet_and_the_one_that_cannot_be_put_is_named():
    both = put_all("runs: {one: {}}\n", {("runs", "one", "a"): 1, ("runs", "one", "b"): 2}, PATH)
    assert read(both) == {"runs": {"one": {"a": 1, "b": 2}}}
    with pytest.raises(InputError, match=r"^params\.yaml: b: cannot be set to 2 without"):
        put_all("a: 1\nb: |\n  words\n", {("a",): 3, ("b",): 2}, PATH)
