"""What the terminal says of a finished setting."""

from __future__ import annotations

import json

import pytest

from pipeline.console import result, summary
from stages import folders

HALF = {"value": 0.5, "low": 0.25, "high": 0.5004, "ci95": 0.25}
QUERIES = {"value": 1234.5, "low": 1000.0, "high": 1500.0, "ci95": 300.0}


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"primary": "m", "metrics": {"m": HALF}}, "m 50.0 (25.0 .. 50.0) %"),
        (
            {"primary": "m", "metrics": {"m": HALF}, "at_chance": True},
            "m 50.0 (25.0 .. 50.0) %, at chance",
        ),
        (
            {"primary": "success", "metrics": {"success": HALF, "queries_mean_all": QUERIES}},
            "success 50.0 (25.0 .. 50.0) %, 1,234 queries (failures at the limit)",
        ),
        (
            {"primary": "m", "metrics": {"m": HALF}, "units": {"m": "dB", "other": "s"}},
            "m 0.5 (0.2 .. 0.5) dB",
        ),
        ({"primary": "m", "metrics": {}}, ""),
        ([], ""),
    ],
)
def test_a_result_has_its_interval_and_what_it_must_not_hide(tmp_path, monkeypatch, metrics, words):
    monkeypatch.chdir(tmp_path)
    folder = folders.evaluated("g", "r")
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert result("g", "r") == words
    assert result("g", "other") == ""


def test_a_table_shows_each_score_in_its_unit(tmp_path):
    path = tmp_path / "summary.csv"
    path.write_text("run,unit,value,low,high\na,dB,23.15,21.64,24.66\nb,,0.5,0.25,0.75\n")
    table = summary(path)
    cells = list(table.columns[[c.header for c in table.columns].index("value")].cells)
    assert cells == ["23.1 (21.6 .. 24.7) dB", "50.0 (25.0 .. 75.0) %"]
