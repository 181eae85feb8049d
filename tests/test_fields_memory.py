"""Where memory ends, by processes of their own on tiny sizes."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

from benchmarks import fields_memory
from benchmarks.fields_memory import How
from tests.conftest import ROOT


@pytest.mark.slow
def test_memory_of_fields_is_measured_apart_and_a_limit_ends_it(tmp_path):
    words = ("--layers", "2", "--width", "64", "--side", "96", "--out", str(tmp_path))
    command = [sys.executable, "-m", "benchmarks.fields_memory", *words]
    subprocess.run([*command, "--horizons", "1,3"], cwd=ROOT, check=True)
    more = ("--horizons", "2", "--who", "lazyleap lazy*")
    subprocess.run([*command, *more], cwd=ROOT, check=True)
    table = pd.read_csv(tmp_path / "memory.csv")
    assert set(table["outcome"]) == {"done"}
    assert (table["steps_mib"] > 0).any()
    cells = {who: set(rows["horizon"]) for who, rows in table.groupby("who")}
    assert cells.keys() >= set(fields_memory.OURS)
    for who, horizons in cells.items():
        assert horizons == ({1, 2, 3} if "lazy," in who or who.endswith("lazy") else {1, 3})
    facts = json.loads((tmp_path / "memory.json").read_text())
    assert facts[0]["largest_gap_float64"]["lazyleap exact"] == 0
    assert facts[1]["who"] == ["lazyleap lazy", "lazyleap lazy, secants"]
    ended = apart(fields_memory.Size(2, 64, 512), How(0.4))
    assert ended == {**CELL, "counted": "resident", "outcome": fields_memory.ENDED}


@pytest.mark.slow
def test_blocks_are_given_back_and_living_tensors_counted():
    size = fields_memory.Size(2, 32, 64)
    given_back, alive = (apart(size, How(4.0, 2**20, alive=alive)) for alive in (False, True))
    assert given_back["counted"] == "resident, threshold 1048576"
    assert given_back["seconds"] > 0
    layer = 4 * 64 * 64 * 32 / 2**20
    assert 2 * layer < alive["steps_mib"] < 30 * layer
    assert alive.keys() == {*CELL, "counted", "outcome", "steps_mib"}


CELL = {"who": "lazyleap exact", "horizon": 1}


def apart(size, how):
    return fields_memory.apart("lazyleap exact", 1, size, how)
