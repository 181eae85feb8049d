"""The cost benchmarks run as their pages say, here on tiny sizes."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

from tests.conftest import ROOT

TINY = {
    "horizon_attack": ("--width", "2", "--pairs", "2"),
    "horizon_longtail": ("--width", "2", "--batch", "4"),
}


@pytest.mark.parametrize("name", TINY)
def test_a_cost_benchmark_writes_ratios_memory_and_drawings(name, tmp_path):
    words = ("--horizons", "1,3", "--rounds", "1", "--out", str(tmp_path), *TINY[name])
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *words], cwd=ROOT, check=True)
    table = pd.read_csv(tmp_path / "cost.csv")
    assert set(table["estimator"]) == {"lazy", "exact", "unrolled"}
    assert set(table["horizon"]) == {1, 3}
    first = table[(table["estimator"] == "lazy") & (table["horizon"] == 1)]
    assert (first["ratio"] == 1).all()
    assert (table["peak_memory_mib"] > 0).all()
    assert (table["memory_of_steps_mib"] <= table["peak_memory_mib"]).all()
    assert name in json.loads((tmp_path / "cost.json").read_text())["command"]
    for drawing in ("seconds.svg", "memory.svg"):
        assert "<svg" in (tmp_path / drawing).read_text()
