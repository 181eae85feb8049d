"""A project of one function and two tests: what is reached, noticed, never ended, survived."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

LIBRARY = """
def smaller(a, b):
    if a < b:
        return a
    return b

def down(n):
    while n > 0:
        n -= 1
    return n
"""
TESTS = """
from lazyleap.a import down, smaller

def test_smaller():
    assert smaller(1, 2) == 1

def test_down():
    assert down(3) == 0

def test_that_fails_without_any_fault():
    assert smaller(2, 1) == 2
"""
EARLY = """
from lazyleap.b import same

def test_same():
    assert same(3) == 3
"""
SCRIPT = """
import json, sys
from pathlib import Path
from tests.mutation import reach, runner
from tests.mutation.mutants import mutants

if __name__ == "__main__":
    place, out = Path(sys.argv[1]), Path(sys.argv[2])
    code, _ = runner.run(place, ["tests", "--maxfail=0"], reach.Reach(place, out), 60)
    tests = json.loads(out.read_text())
    file = place / "lazyleap/a.py"
    whole, found = file.read_text(), {}
    for mutant in mutants("lazyleap/a.py", whole):
        chosen = reach.killers(tests, mutant.file, mutant.lines, 60)
        file.write_text(mutant.apply(whole))
        done = runner.attempt(place, chosen, 15)  # a start of pytest fits even where cores are slow
        found[f"{mutant.old} -> {mutant.new}"] = [done.outcome, done.by]
    file.write_text("import nothing_of_this_name")
    done = runner.attempt(place, [test for test in tests if "test_a" in test], 20)
    found["import"] = [done.outcome, done.by]
    file.write_text(whole)
    done = runner.attempt(place, [*tests, "tests/test_a.py::test_that_fails_without_any_fault"], 20)
    found["none"] = [done.outcome, done.by]
    print(json.dumps({"code": code, "tests": tests, "found": found}))
"""


@pytest.mark.slow
def test_faults_are_noticed_by_the_tests_that_reach_them(tmp_path):
    place = tmp_path / "place"
    for name, text in (("lazyleap/a.py", LIBRARY), ("tests/test_a.py", TESTS)):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_text(text)
        (place / name).with_name("__init__.py").touch()
    (place / "lazyleap" / "b.py").write_text("def same(a):\n    return a\n")
    (place / "tests" / "conftest.py").write_text(
        "import lazyleap.b  # before any test is collected"
    )
    (place / "tests" / "test_b.py").write_text(EARLY)
    (place / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, place, tmp_path / "reach.json"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["code"] == 1
    tests = {name.split("::")[1]: one["files"] for name, one in result["tests"].items()}
    assert tests.pop("test_same") == {"b.py": [2]}
    assert tests == {"test_smaller": {"a.py": [3, 4]}, "test_down": {"a.py": [8, 9, 10]}}
    found = result["found"]
    smaller, down = (f"tests/test_a.py::test_{name}" for name in ("smaller", "down"))
    assert found["a < b -> (a <= b)"] == ["survived", ""]
    assert found["a < b -> (not (a < b))"] == ["killed", smaller]
    assert found["0 -> (1)"] == ["killed", down]
    assert found["n -= 1 -> pass"][0] == "timeout"
    assert found["import"] == ["killed", "an import"]
    assert found["none"] == ["killed", "tests/test_a.py::test_that_fails_without_any_fault"]
