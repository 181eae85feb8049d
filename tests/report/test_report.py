"""The report of made-up results: its numbers are those of the files; what is missing is named."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
import yaml

from lazyleap.items import FILE
from tests.report import grid
from tests.report.conftest import rerun
from tests.report.reading import CHOSEN, drawn, metrics, rows, score, small


def test_every_metric_of_every_run_is_in_the_tables(reported, results):
    found = list(csv.DictReader((results / "metrics.csv").open()))
    params = yaml.safe_load((reported / "params.yaml").read_text())
    expected = {}
    for run in params["runs"]:
        for name, value in json.loads(metrics(reported, run).read_text())["metrics"].items():
            expected[run, name] = value
    assert {(r["run"], r["metric"]) for r in found} == expected.keys()
    for row in found:
        value = expected[row["run"], row["metric"]]
        for key in ("value", "low", "high", "n"):
            assert float(row[key]) == value[key]
    one = next(r for r in found if r["run"] == "maml-lazy-3leaps-k20-s1")
    assert one["options"] == "leaps=3; placement=start"
    assert (one["horizon"], one["seed"], one["device"]) == ("20", "1", "cpu")
    assert float(one["train_cpu_seconds"]) == grid.CPU + 7 * 19 + 0.5
    assert float(one["peak_memory_mib"]) == 460
    summary = list(csv.DictReader((results / "summary.csv").open()))
    assert [r["run"] for r in summary] == list(params["runs"])
    assert {r["metric"] for r in summary} >= {"accuracy", "balanced_error", "success"}


def test_the_page_shows_means_over_seeds_with_their_t_interval(reported, results):
    table = rows((results / "report.html").read_text(), "glyphs: All settings")
    assert len(table) == 10
    row = next(r for r in table if r["setting"] == "maml lazy k=20 (leaps 3, placement start)")
    each = [
        json.loads(metrics(reported, f"maml-lazy-3leaps-k20-s{s}").read_text())["metrics"]
        for s in range(3)
    ]
    values = 100 * np.array([m["accuracy@5"]["value"] for m in each])
    half = 4.302653 * values.std(ddof=1) / 3**0.5  # Student's t, two degrees of freedom
    low, high = values.mean() - half, values.mean() + half
    assert row["accuracy after 5 steps (%)"] == f"{values.mean():.1f} ({low:.1f} .. {high:.1f})"
    assert "on validation episodes: 5 in 30 runs." in (results / "report.html").read_text()
    own = 100 * np.mean([m["accuracy@20"]["value"] for m in each])
    assert row["accuracy after k steps (%)"].startswith(f"{own:.1f} ")
    assert (row["training CPU (s)"], row["peak memory (MiB)"], row["seeds"]) == ("174", "460", "3")
    assert [r["against the best"] for r in table] == ["best"] + 9 * ["behind"]
    assert table[0]["setting"] == "maml exact k=5"


def test_errors_and_queries_are_better_when_low_and_success_stands_beside(results):
    text = (results / "report.html").read_text()
    tail = rows(text, "glyphs-lt: All settings")
    errors = [float(r["balanced error (%)"].split()[0]) for r in tail]
    assert errors == sorted(errors)
    assert tail[0]["setting"] == "reweight lazy k=5 (placement end)"
    attacks = rows(text, "glyphs-attack: All settings")
    assert attacks[0]["setting"] == "meta_attack lazy k=5 (placement start)"
    budgets = rows(text, "glyphs-attack: At equal training compute")
    assert all("success rate (%)" in row and row["success rate (%)"] != "–" for row in budgets)
    summary = (results / "summary.md").read_text()
    assert re.search(
        r"Queries an image .*?: meta_attack lazy k=5 .*?, success rate \d+\.\d", summary
    )


def test_pairs_are_differences_item_by_item(reported, results):
    found = {
        (r["first"], r["second"]): r
        for r in csv.DictReader((results / "pairs.csv").open())
        if r["metric"] == "accuracy@5"
    }
    row = found["maml exact k=1", "maml exact k=5"]
    expected = []
    for seed in range(3):
        one, other = (
            np.load(metrics(reported, f"maml-exact-k{k}-s{seed}").with_name(FILE))[
                "value:accuracy@5"
            ]
            for k in (1, 5)
        )
        expected.append((one - other).mean())
    assert float(row["difference"]) == pytest.approx(np.mean(expected))
    assert (row["verdict"], row["seeds"], row["items"]) == ("worse", "3", "600")
    shown = rows((results / "report.html").read_text(), "glyphs: Settings in pairs")
    same = next(
        r for r in shown if (r["first"], r["second"]) == ("maml exact k=1", "maml exact k=5")
    )
    key = next(k for k in same if k.startswith("first minus second"))
    assert same[key].startswith(f"−{-100 * np.mean(expected):.1f} (−")
    assert same["differ in"] == "horizon"
    assert float(same["CPU time, first / second"]) == pytest.approx(40.5 / 68.5, abs=0.005)


@pytest.mark.parametrize(
    ("chart", "setting", "run", "column", "about"),
    [
        ("glyphs-accuracy-steps", "maml exact k=5", "maml-exact-k5", "accuracy", {}),
        (
            "glyphs-attack-success-queries",
            "square",
            "attack-square",
            "success@glyphs-resnet8",
            {"target": "glyphs-resnet8"},
        ),
    ],
)
def test_a_curve_is_drawn_at_the_steps_that_were_measured_and_no_others(
    reported, results, chart, setting, run, column, about
):
    measured = []
    for seed in range(3):
        with metrics(reported, f"{run}-s{seed}").with_name("curve.csv").open() as file:
            measured.append({int(r["step"]): float(r[column]) for r in csv.DictReader(file)})
    spec = drawn((results / "report.html").read_text())[chart]["spec"]
    shown = {
        row["step"]: row["value"]
        for row in spec["data"]["values"]
        if row["setting"] == setting and about.items() <= row.items()
    }
    assert shown.keys() == measured[0].keys()
    for step, value in shown.items():
        assert value == pytest.approx(100 * np.mean([one[step] for one in measured]))
    assert spec["layer"][0]["mark"]["interpolate"] == "step-after"


def test_an_interval_is_printed_as_it_is_and_chance_is_marked_everywhere(root):
    small(root)
    score(root, "attack-square-s0", "success", value=1.0, low=0.962, high=1.0, n=100)
    score(root, "maml-exact-k5-s0", "accuracy", at_chance=True)
    text = rerun(root)
    attack = rows(text, "glyphs-attack: All settings")
    assert {r["success rate (%)"] for r in attack} >= {"100.0 (96.2 .. 100.0)"}
    table = rows(text, "glyphs: All settings")
    marked = [r for r in table if "at chance" in r[CHOSEN]]
    assert [r["setting"] for r in marked] == ["maml exact k=5"]
    assert '<span class="bad">at chance</span>' in text
    points = drawn(text)["glyphs-accuracy-cpu"]["spec"]["data"]["values"]
    beside = {r["setting"]: r["beside"] for r in points}
    assert beside["maml exact k=5"] == "5 at chance"
    results = root / "results" / grid.GRID
    assert (results / "summary.md").read_text().count("at chance") >= 2
    listed = csv.DictReader((results / "summary.csv").open())
    assert [r["run"] for r in listed if r["at_chance"] == "True"] == ["maml-exact-k5-s0"]


def test_shares_of_several_seeds_stay_shares_and_seeds_at_chance_are_counted(root):
    small(root, seeds=2)
    for seed, value in enumerate((1.0, 0.96)):
        score(root, f"attack-square-s{seed}", "success", value=value)
    score(root, "maml-exact-k5-s1", "accuracy", at_chance=True)
    text = rerun(root)
    shown = {r["success rate (%)"] for r in rows(text, "glyphs-attack: All settings")}
    assert "98.0 (72.6 .. 100.0)" in shown  # 2 +- 12.706 * 2, Student's t of one degree of freedom
    marked = [r[CHOSEN] for r in rows(text, "glyphs: All settings")]
    for seed, value in enumerate((100.0, 300.0)):
        score(root, f"attack-square-s{seed}", "queries_mean_all", value=value)
    spent = rows(rerun(root), "glyphs-attack: All settings")
    assert "200 (0.0 .. 1,471)" in {r["queries an image (a failure: the budget)"] for r in spent}
    assert sum(cell.endswith(", 1 of 2 seeds at chance") for cell in marked) == 1
