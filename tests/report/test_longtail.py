"""The section of a long-tailed task: who wins lazy or greedy, by hand; what the page shows."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from lazyleap.errors import InputError
from lazyleap.settings import load
from stages import folders, report
from stages.reporting import classes, compare, weights
from stages.reporting.compare import Group
from stages.reporting.duel import duels, summary
from stages.reporting.inputs import Finished, collect
from stages.reporting.published_longtail import figures
from tests.report import longtail_grid as grid

CHARTS = ("error-horizon", "error-cpu", "recall", "weights", "confusion")
GREEDY, LAZY = grid.SETTINGS["reweight-exact-k1"], grid.SETTINGS["reweight-lazy-k5"]


def groups(root: Path, errors: dict[str, tuple[dict, float]]) -> list[Group]:
    """Settings with exactly these errors, each +- 0.01."""
    grid.write_params(root, {name: run for name, (run, _) in errors.items()}, grid.task())
    for name, (_, error) in errors.items():
        grid.write_run(root, name, 0.6, n=4)
        path = root / folders.evaluated("toy", name) / "metrics.json"
        content = json.loads(path.read_text())
        content["metrics"]["error"] = {"value": error, "ci95": 0.01, "n": 100}
        path.write_text(json.dumps(content))
    return compare.grouped(collect(load(root / "params.yaml"))[0])


def test_paired_by_seed_by_hand(root: Path) -> None:
    # differences -.03 and -.05: mean -.04, t(.975, 1) = 12.7062 times .01414 / sqrt 2 = .127062
    found = groups(
        root,
        {
            "g0": (GREEDY, 0.40),
            "g1": (GREEDY | {"seed": 1}, 0.44),
            "l0": (LAZY, 0.37),
            "l1": (LAZY | {"seed": 1}, 0.39),
            "l2": (LAZY | {"seed": 2}, 0.10),  # has no partner: is not part of the difference
        },
    )
    (duel,) = duels(found)
    assert duel.each == pytest.approx((-0.03, -0.05))
    assert duel.gap == pytest.approx(-0.04)
    assert duel.half == pytest.approx(math.hypot(0.127062, 0.01 * 2**0.5), abs=1e-5)
    assert duel.verdict == "cannot be told apart"
    assert "over 2 paired seeds (−3.0, −5.0)" in duel.sentence


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (0.30, "lazy is better by 10.0 points, 8.6 beyond the interval"),
        (0.50, "greedy is better by 10.0 points, 8.6 beyond the interval"),
        (0.395, "cannot be told apart"),
    ],
)
def test_one_seed_has_the_images_interval_alone(root: Path, error: float, verdict: str) -> None:
    (duel,) = found = duels(groups(root, {"g": (GREEDY, 0.40), "l": (LAZY, error)}))
    assert duel.half == pytest.approx(0.01 * 2**0.5)
    assert duel.verdict == verdict
    counts = [f"in {int('lazy is' in verdict)}", f"greedy in {int('greedy is' in verdict)}"]
    assert all(words in summary(found) for words in counts)


def test_without_a_seed_in_common_means_are_compared(root: Path) -> None:
    (duel,) = duels(groups(root, {"g": (GREEDY, 0.40), "l": (LAZY | {"seed": 5}, 0.41)}))
    assert duel.gap == pytest.approx(0.01)
    assert "no seed in common" in duel.sentence


def test_only_the_same_weighting_at_the_same_length_is_a_rival(root: Path) -> None:
    other = grid.SETTINGS["weight-net-exact-k1"]
    found = groups(
        root,
        {
            "other": (other, 0.4),
            "longer": (GREEDY | {"meta_iterations": 900}, 0.4),
            "l": (LAZY, 0.3),
        },
    )
    assert duels(found) == []
    assert summary([]) == ""


def test_every_file_and_the_table_of_the_long_tail(longtail: Path) -> None:
    folder = longtail / "results/toy"
    for chart in CHARTS:
        text = (folder / f"cifar-{chart}.svg").read_text()
        assert ElementTree.fromstring(text).tag.endswith("svg")
    text = (folder / "summary.md").read_text()
    assert "| reweight       | lazy        | 5   | start       | first " in text
    assert "Lazy against greedy, at equal training steps: of 4 comparisons" in text
    table = pd.read_csv(folder / "metrics.csv")
    assert set(table["metric"]) == {"error", "error@many", "error@medium", "error@few"}
    first = table[(table["run"] == "reweight-lazy-k5-first-s0") & (table["metric"] == "error")]
    assert first["weighted_step"].item() == "first"


def test_lower_error_wins_on_the_page(longtail: Path) -> None:
    page = (longtail / "results/toy/report.html").read_text()
    table = pd.read_csv(io.StringIO((longtail / "results/toy/summary.csv").read_text()))
    means = table.groupby(["algorithm", "horizon"])["value"].mean()
    assert means.idxmin() == ("reweight", 10)
    assert "reweight lazy k=10, end has the lowest error" in page
    assert "10 classes of cifar-10, imbalance 100:1, from 4,990 down to 49 training" in page
    assert "25.84" in page
    assert "from memory, to be checked" in page


def test_published_figures_are_those_of_the_data_and_the_factor() -> None:
    found = {p.method: p.figure for p in figures("cifar-10", 100)}
    assert found["cross-entropy"] == 29.64
    assert found["LDAM-DRW"] == 22.97
    assert [p.figure for p in figures("cifar-100", 50) if p.checked] == []
    assert [p.method for p in figures("cifar-10", 50) if p.checked] == ["Meta-Weight-Net"]
    for reader, imbalance in (("characters", 100), ("cifar-10", 7), ("cifar-10", None)):
        assert figures(reader, imbalance) == []


def test_no_published_figures_beside_other_data(root: Path) -> None:
    grid.write_params(root, {"g": GREEDY}, grid.task(reader="mnist"))
    grid.write_run(root, "g", 0.6)
    report.main(str(root / "params.yaml"))
    assert "Published" not in (root / "results/toy/report.html").read_text()


def test_classes_are_ordered_by_size_and_folded_when_many(
    longtail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(longtail)
    found = compare.grouped(collect(load(longtail / "params.yaml"))[0])
    chart = classes.confusion("c", found[0])
    assert "airplane (4,990)" in chart.svg
    expected = 0.5 * 1.35 ** np.arange(10)
    learned = weights.of_group(next(g for g in found if g.label == "reweight lazy k=5, end"))
    np.testing.assert_allclose(learned, expected, rtol=1e-6)
    named = classes.metrics(found[0].first)
    many = named.model_copy(
        update={"classes": [f"c{i}" for i in range(30)], "train_images": list(range(30))}
    )
    run = Finished(found[0].first.setting, many, found[0].first.record, None, None)
    group = Group((run,), "error", 0.1, 0.1, None, 1.0, 1.0)
    assert classes._columns(group)[0] == "1-3\n(29-27)"
    assert len(classes._columns(group)) == 10


def test_a_run_without_events_still_has_a_report(root: Path) -> None:
    grid.write_params(root, {"g": GREEDY}, grid.task())
    grid.write_run(root, "g", 0.6)
    for file in (root / folders.record("toy", "g") / "tensorboard").iterdir():
        file.unlink()
    report.main(str(root / "params.yaml"))
    assert not (root / "results/toy/cifar-weights.svg").exists()
    assert (root / "results/toy/cifar-recall.svg").exists()


def test_a_metrics_file_without_its_classes_is_one_sentence(root: Path) -> None:
    grid.write_params(root, {"g": GREEDY}, grid.task())
    grid.write_run(root, "g", 0.6)
    path = root / folders.evaluated("toy", "g") / "metrics.json"
    content = json.loads(path.read_text())
    del content["recall"]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"metrics.json: recall: Field required"):
        report.main(str(root / "params.yaml"))
