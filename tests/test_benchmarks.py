"""The cost benchmarks run as their pages say, here on tiny sizes."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest

from benchmarks import before, contest, peers, prepare, rivals
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


def test_meta_gradients_are_compared_after_they_agree(tmp_path):
    # 29 steps lie between them: the machine may stumble over fewer
    words = ("--rounds", "2", "--horizons", "1,30", "--width", "2", "--out", str(tmp_path))
    subprocess.run([sys.executable, "-m", "benchmarks.peers", *words], cwd=ROOT, check=True)
    table = pd.read_csv(tmp_path / "peers.csv").set_index(["who", "pixels", "horizon"])
    assert {pixels for _, pixels, _ in table.index} == {28, 84}
    assert ("lazyleap lazy, 3 leaps", 28, 1) not in table.index
    rival = table[[who in rivals.RIVALS for who, *_ in table.index]]
    assert (rival.groupby(["pixels", "horizon"])["low"].min() <= 1).all()
    assert (table["low"] <= table["ratio"]).all()
    used = pd.read_csv(tmp_path / "memory.csv")
    assert (used["steps_mib"] < used["peak_mib"]).all()
    facts = json.loads((tmp_path / "peers.json").read_text())
    assert facts["largest_gap_float64"]["by hand"] < 1e-9
    assert facts["student_step_over_floor"]["ratio"] > 1
    assert "--width 2" in facts["command"]
    assert "<svg" in (tmp_path / "peers.svg").read_text()


def test_a_rival_with_another_gradient_is_not_timed(monkeypatch):
    def slower(network, tasks, rate):
        return rivals.by_hand(network, tasks, 2 * rate)

    monkeypatch.setattr(rivals, "importable", lambda: {"wrong": slower})
    with pytest.raises(SystemExit, match="wrong has another gradient"):
        contest.agreement(contest.SMALL._replace(width=2))


def test_a_ratio_is_to_the_fastest_rival_of_the_same_round():
    cells = [("lazyleap lazy", 5), ("by hand", 5), ("higher", 5), ("torch-maml", 5)]
    seconds = np.array([[1.0, 2.0, 4.0, 0.1], [6.0, 4.0, 3.0, 0.1], [2.0, 4.0, 5.0, 0.1]])
    found = peers.rows(cells, seconds, peers.SMALL).set_index("who")
    assert found.loc["lazyleap lazy", "ratio"] == 0.5
    assert found.loc["higher", "ratio"] == pytest.approx(1.25)
    assert found.loc["lazyleap lazy", "seconds"] == 2.0


@pytest.mark.parametrize(("budget", "counted"), [(-1, 1), (1.5, 3), (99, 5)])
def test_no_round_begins_after_the_deadline_but_one_there_is(monkeypatch, budget, counted):
    clock = iter(range(99))
    monkeypatch.setattr(peers.time, "monotonic", lambda: next(clock))
    calls = []
    seconds, products = peers.turns([partial(calls.append, 0)], 5, budget)
    assert len(seconds) == len(products) == counted
    assert len(calls) == counted + 1


def test_a_commands_turns_become_ratios_of_each_round():
    turns = [
        {"round": r, "checkout": name, "row": "command", "seconds": s}
        for r, pair in enumerate([(10.0, 5.0), (20.0, 4.0), (10.0, 3.0)])
        for name, s in zip(("before", "now"), pair, strict=True)
    ]
    (found,) = before.ratios(pd.DataFrame(turns)).to_dict("records")
    assert found["ratio"] == pytest.approx(0.3)
    assert (found["least"], found["largest"]) == (0.2, 0.5)
    assert (found["before"], found["now"]) == (10.0, 4.0)


@pytest.mark.slow
def test_preparing_is_measured_for_two_sizes_and_reckoned_for_a_third(tmp_path):
    words = ("--images", "3200", "--classes", "40", "--form", "png", "--out", str(tmp_path))
    subprocess.run([sys.executable, "-m", "benchmarks.prepare", *words], cwd=ROOT, check=True)
    facts = json.loads((tmp_path / "prepare.json").read_text())
    assert [row["images"] for row in facts["measured"]] == [800, 3200]
    assert all(row["peak_memory_mib"] > 100 for row in facts["measured"])
    assert all(row["cpu_seconds"] > 0 for row in facts["measured"])
    assert facts["reckoned"]["images"] == 600_000


def test_a_third_size_lies_on_the_line_through_two():
    few = {"images": 100, "peak_memory_mib": 300.0, "seconds": 2.0, "cpu_seconds": 3.0}
    many = {"images": 400, "peak_memory_mib": 360.0, "seconds": 5.0, "cpu_seconds": 3.0}
    found = prepare.line([few, many], 1000)
    assert found == {"images": 1000, "peak_memory_mib": 480.0, "cpu_seconds": 3.0}
