"""The report of made-up results: its numbers are those of the files; what is missing is named."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml

from lazyleap.errors import InputError
from lazyleap.items import FILE
from lazyleap.report import plain
from stages import folders
from stages.reporting import page
from tests.report import grid
from tests.report.conftest import rerun

FEW = {"maml-exact-k5-s0", "maml-lazy-k10-s0", "lt-reweight-lazy-k5-s0", "lt-cross-entropy-s0"}
FEW |= {"attack-lazy-k5-s0", "attack-square-s0"}

CHOSEN = "accuracy at the common step validation chose (%)"


class Tables(HTMLParser):
    """The cells of each table of a page, by the name of its region."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.name, self.cell = "", False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.name = dict(attrs).get("aria-label", self.name) if tag == "div" else self.name
        if tag == "tr":
            self.found.setdefault(self.name, []).append([])
        if tag in ("td", "th"):
            self.cell = True
            self.found[self.name][-1].append("")

    def handle_endtag(self, tag):
        self.cell = self.cell and tag not in ("td", "th")

    def handle_data(self, data):
        if self.cell:
            self.found[self.name][-1][-1] += data.strip()


def rows(text: str, name: str) -> list[dict[str, str]]:
    head, *body = Tables(text).found[name]
    return [dict(zip(head, row, strict=True)) for row in body]


def small(root: Path, seeds: int = 1) -> dict:
    """Some runs of each kind, with results, in a root."""
    content = grid.params(seeds)
    content["runs"] = {n: r for n, r in content["runs"].items() if n[:-1] + "0" in FEW}
    grid.write(root, content)
    return content


def metrics(root: Path, run: str) -> Path:
    return root / folders.evaluated(grid.GRID, run) / "metrics.json"


def record(root: Path, run: str) -> Path:
    return root / folders.record(grid.GRID, run) / "record.json"


def score(root: Path, run: str, metric: str, **changed) -> None:
    content = json.loads(metrics(root, run).read_text())
    content["metrics"][metric] |= changed
    grid.save(metrics(root, run), content)


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


def drawn(text: str) -> dict:
    """The charts of a page by name."""
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])["charts"]


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


def test_one_seed_decides_nothing_and_the_page_says_so(root):
    grid.write(root, small(root), maml_lazy_k10=0.1)
    text = rerun(root)
    assert "One seed a setting: nothing is decided." in text
    words = {r["setting"]: r["against the best"] for r in rows(text, "glyphs: All settings")}
    assert words == {"maml lazy k=10 (placement start)": "best", "maml exact k=5": "undecided"}
    budgets = rows(text, "glyphs: At equal training compute")
    assert [r["best within it"] for r in budgets] == ["maml exact k=5", next(iter(words))]
    assert [r["not distinguishable from it"] for r in budgets] == ["none", "maml exact k=5"]
    assert [r["training CPU from (s)"] for r in budgets] == ["68.0", "103"]
    assert {r["clearly behind"] for r in budgets} == {"0"}


def test_caveats_come_from_the_records(root):
    small(root, seeds=2)
    text = rerun(root)
    for words in ("uncommitted", "different machines", "resumed", "shared", "commits"):
        assert words not in text.partition("All settings")[0]
    assert "CPU times of the seeds of one setting differ by up to 1 %." in text
    grid.edit(record(root, "maml-exact-k5-s0"), dirty=True, hardware="another", commit="feed")
    grid.edit(metrics(root, "attack-lazy-k5-s0"), warnings=["Target x never moves."])
    assert "Target x never moves." in rerun(root).partition("glyphs-attack: All settings")[0]
    grid.edit(record(root, "maml-exact-k5-s1"), resumed=2, train_wall_seconds=2 * (grid.CPU + 28.5))
    text = rerun(root)
    for words in (
        "Trained from a working tree with uncommitted changes: maml-exact-k5-s0.",
        "different machines",
        "Interrupted and resumed: maml-exact-k5-s1.",
        "Wall time is up to 100 % longer",
        "Runs are of 2 commits",
    ):
        assert words in text.partition("All settings")[0]


def test_what_is_missing_is_named_with_its_reason(root):
    small(root)
    record(root, "maml-exact-k5-s0").unlink()
    metrics(root, "attack-square-s0").unlink()
    grid.edit(metrics(root, "lt-cross-entropy-s0"), setting={"horizon": 7})
    grid.edit(metrics(root, "attack-lazy-k5-s0"), setting={"test": {"epsilon": 99}, "leaps": 3})
    text = rerun(root)
    summary = (root / "results" / grid.GRID / "summary.md").read_text()
    assert "2 of 6 runs finished" in text
    assert "2 of 6 runs finished" in summary
    for said in (
        "`maml-exact-k5-s0`: not trained: no ",
        "`attack-square-s0`: trained, not evaluated: no ",
        "is of another setting: horizon 7 where params.yaml says 1",
        "is of another setting: leaps 3 where params.yaml says 1, epsilon 99 where params.yaml "
        "says 3",
    ):
        assert said in summary
    assert 'id="glyphs-attack"' not in text  # no setting of that task is finished
    assert "one setting alone" in text


def test_a_grid_with_nothing_finished_has_a_page(root):
    content = small(root)
    for run in content["runs"]:
        record(root, run).unlink()
    text = rerun(root)
    assert "0 of 6 runs finished" in text
    assert rerun(root) == text


def test_runs_without_results_of_items_are_shown_and_not_compared(root):
    small(root, seeds=2)
    for seed in range(2):
        metrics(root, f"maml-lazy-k10-s{seed}").with_name(FILE).unlink()
    table = rows(rerun(root), "glyphs: All settings")
    assert {r["against the best"] for r in table} == {"best", "not compared"}


def test_runs_on_other_test_data_are_not_compared(root):
    small(root, seeds=2)
    for seed in range(2):
        grid.edit(metrics(root, f"maml-lazy-k10-s{seed}"), test_digest="cd" * 32)
    text = rerun(root)
    assert {r["against the best"] for r in rows(text, "glyphs: All settings")} == {
        "best",
        "not compared",
    }
    assert "Not all runs met the same test data" in text


def test_names_are_escaped_and_cannot_end_the_script(root):
    small(root)
    odd = "</script><script>alert(1)</script>&\"'"
    for run in ("lt-cross-entropy-s0", "lt-reweight-lazy-k5-s0"):
        grid.edit(metrics(root, run), classes=[odd, "b", "c", "d", "e", "f"])
        grid.edit(record(root, run), hardware=odd)
    text = rerun(root)
    assert "<script>alert" not in text
    classes = {row["class"] for row in drawn(text)["glyphs-lt-recall"]["spec"]["data"]["values"]}
    assert f"{odd} (500)" in classes


def test_a_kind_that_describes_nothing_is_reported_by_its_metrics(root, monkeypatch):
    small(root)
    monkeypatch.setattr(page, "report_of", lambda kind: plain)
    text = rerun(root)
    table = rows(text, "glyphs-lt: All settings")
    assert {"balanced_error", "error@few"} <= table[0].keys()
    assert "no file says which way is better" in text
    for run in ("lt-cross-entropy-s0", "lt-reweight-lazy-k5-s0"):
        grid.edit(metrics(root, run), higher=False)
    errors = [
        float(r["balanced_error"].split()[0]) for r in rows(rerun(root), "glyphs-lt: All settings")
    ]
    assert errors == sorted(errors)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("metrics.json", '{"metrics": {"accuracy@5": {"value": NaN}}}', "holds NaN"),
        ("metrics.json", "[]", "valid dictionary"),
        ("items.npz", "nothing", "does not hold test items"),
        ("curve.csv", "step,accuracy\n1\n", "is no table"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(root, file, content, said):
    small(root)
    path = metrics(root, "maml-exact-k5-s0").with_name(file)
    path.write_text(content)
    with pytest.raises(InputError, match=said) as raised:
        rerun(root)
    assert str(path.relative_to(root)) in str(raised.value)


def test_published_figures_have_a_source_and_are_of_the_same_data(root, monkeypatch):
    content = small(root)
    assert "Published figures" not in rerun(root)
    task = content["tasks"]["glyphs"]
    task["dataset"] = {
        "reader": "omniglot",
        "source": "data/raw/omniglot",
        "splits": "s",
        "size": 28,
    }
    content["runs"] = {n: r for n, r in content["runs"].items() if r["task"] == "glyphs"}
    (root / "params.yaml").write_text(yaml.safe_dump(content))
    found = rows(rerun(root), "glyphs: Published figures for these data")
    printed = {"MAML": "98.7", "first-order MAML": "98.3", "Reptile + transduction": "97.7"}
    printed["iMAML, gradient descent"] = "99.2"
    assert {r["published method"]: r["published (%)"] for r in found} == printed
    assert all("20" in r["source"] for r in found)
    assert (
        next(r for r in found if r["published method"] == "MAML")["our setting of that method"]
        == "maml exact k=5"
    )
