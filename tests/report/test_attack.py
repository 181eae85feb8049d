"""The section of an attack's task: its files, tables, pictures and what the page says."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from lazyleap.attack.options import AttackTask
from lazyleap.errors import InputError
from lazyleap.settings import load
from stages import folders, report
from stages.reporting import attack, attack_rows, compare, triplets
from stages.reporting.inputs import collect
from stages.reporting.success import success
from stages.reporting.tables import metric_words, shown
from tests.report import attack_grid as grid
from tests.report.attack_grid import edit, groups

CHARTS = (
    *("success-queries", "success-queries-held-resnet8", "success-queries-own"),
    *("queries-horizon", "cpu-horizon", "memory-horizon"),
)
LAZY, REPTILE = grid.SETTINGS["lazy-k5"], grid.SETTINGS["reptile-k5"]
ZOO = grid.SETTINGS["zoo"]


def test_every_file_and_the_table_of_an_attack(attacked: Path) -> None:
    folder = attacked / "results/toy"
    for chart in CHARTS:
        text = (folder / f"digits-{chart}.svg").read_text()
        assert ElementTree.fromstring(text).tag.endswith("svg")
    text = (folder / "summary.md").read_text()
    assert "**Fewest queries: " in text
    assert "Learned predictors against zoo" in text
    assert "| all targets  | meta_attack      | lazy " in text
    assert "| held-resnet8 | zoo " in text
    assert "| own          | square " in text
    assert "- ZOO: 100 %, 1.61, 21,760" in text
    summary = pd.read_csv(folder / "summary.csv").set_index("run")
    assert set(summary["metric"]) == {"success"}
    assert summary.loc["zoo-s0", "meta_iterations"] == 0
    table = pd.read_csv(folder / "metrics.csv")
    one = table[table["run"] == "lazy-k5-s0"].set_index("metric")["value"]
    assert {"success", "success@own", "queries_mean_all@held-resnet8", "l2"} <= set(one.index)
    source = attacked / folders.evaluated("toy", "lazy-k5-s0") / "metrics.json"
    assert (
        one["queries_median"]
        == json.loads(source.read_text())["metrics"]["queries_median"]["value"]
    )


def test_the_page_says_what_was_attacked_and_how(attacked: Path) -> None:
    page = (attacked / "results/toy/report.html").read_text()
    for words in (
        "untargeted black-box attacks on 2 classifiers of mnist, L2 at most 3, 2,000 queries",
        "gets 55 of 60 images right; the first 40 of these are attacked and are the denominator",
        "Perturbations are rescaled",
        "own ONNX file",
        "95.0 ± 2.0 % of 50",
        "21,760",
        "from memory, to be checked; whether targeted or untargeted is unverified",
        "best mean cosine between map and gradient 0.310",
        "none: this method learns nothing",
        "nothing to export",
        "Lazy against reptile at the same horizon and equal meta-iterations: of 3 comparisons",
    ):
        assert words in page
    assert page.count("data:image/png;base64,") == 20
    assert "Who wins" not in page
    assert "0 iterations" not in page


def test_the_row_of_one_run_by_hand(root: Path) -> None:
    grid.write_params(root, {"z": ZOO})
    grid.write_run(root, "z")
    edit(
        root,
        "z",
        success={"value": 0.75, "ci95": 0.1, "n": 80},
        queries_mean={"value": 1234.6, "ci95": 99.4, "n": 60},
        queries_median={"value": 900.0, "ci95": 120.0, "low": 800.0, "high": 1020.0, "n": 60},
        queries_mean_all={"value": 1425.9, "ci95": 80, "n": 80},
        l2=None,
    )
    found = attack_rows.by_target(compare.grouped(collect(load(root / "params.yaml"))[0]))
    assert list(found) == ["all targets", *sorted(grid.TARGETS)]
    ((_, row),) = found["all targets"]
    expected = {"success %": "75.0 ± 10.0", "n": "80", "mean queries": "1,235 ± 99"}
    expected |= {"median queries": "900 [800, 1,020]", "with failures": "1,426 ± 80"}
    assert row.items() >= (expected | {"mean L2": "-", "CPU": "", "k": ""}).items()


def test_seeds_together(root: Path) -> None:
    runs = {f"l{s}": LAZY | {"seed": s} for s in range(2)} | {"zoo": ZOO}
    found = groups(root, {name: (run, 300) for name, run in runs.items()})
    text = attack.markdown(load(root / "params.yaml").tasks["digits"], found)
    assert "| all targets  | meta_attack | lazy        | 5   | start       | 2 " in text
    chart = success("c", found)
    assert chart is not None
    assert "lazy k=5, start" in chart.svg


def test_an_attack_that_never_succeeds_has_a_report(root: Path) -> None:
    grid.write_params(root, {"l": LAZY, "z": ZOO})
    grid.write_run(root, "l")
    grid.write_run(root, "z", speed=1e7)
    report.main(str(root / "params.yaml"))
    text = (root / "results/toy/summary.md").read_text()
    assert (
        "| all targets  | zoo         |             |     |             | 1       | 0.0 ±" in text
    )
    page = (root / "results/toy/report.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "not at hand" in page  # the surrogates' accuracies


def test_one_plain_search_alone(root: Path) -> None:
    grid.write_params(root, {"z": ZOO})
    grid.write_run(root, "z")
    (root / folders.evaluated("toy", "z") / "curve.csv").unlink()
    report.main(str(root / "params.yaml"))
    assert "One method alone: zoo" in (root / "results/toy/summary.md").read_text()
    assert list((root / "results/toy").glob("*.svg")) == []


def test_published_figures_are_those_of_the_data(root: Path) -> None:
    found = groups(root, {"z": (ZOO, 900), "r": (REPTILE, 300)})
    for reader, queries in (("mnist", 21_760), ("cifar-10", 8_192)):
        task = AttackTask.model_validate(grid.task(reader))
        zoo, auto, _, meta = attack.details(task, found).figures
        assert (zoo[0].method, zoo[0].queries) == ("ZOO", queries)
        assert [g.label for g in zoo[1]] == ["zoo"]
        assert auto[1] == []
        assert [g.label for g in meta[1]] == ["meta_attack reptile k=5"]
        assert f"{queries:,}" in attack.markdown(task, found)
    other = AttackTask.model_validate(grid.task("cifar-100"))
    assert attack.details(other, found).figures == ()
    assert "Published" not in attack.markdown(other, found)


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ({"budget": 500}, "budget 2000 where params.yaml says 500"),
        ({"epsilon": 2.0}, "epsilon 3.0 where params.yaml says 2.0"),
        ({"norm": "linf"}, "norm l2 where params.yaml says linf"),
    ],
)
def test_a_result_within_other_limits_is_missing_not_shown(
    root: Path, test: dict[str, object], reason: str
) -> None:
    grid.write_params(root, {"z": ZOO})
    grid.write_run(root, "z")
    grid.write_params(root, {"z": ZOO}, grid.task(**test))
    finished, (missing,) = collect(load(root / "params.yaml"))
    assert finished == []
    assert reason in missing.reason


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 3, 4, 4)), "shape"),
        (np.zeros((0, 3, 1, 4, 4)), "shape"),
        (np.full((1, 3, 1, 4, 4), np.nan), "finite"),
        (None, "is no array"),
    ],
)
def test_broken_triplets_are_one_sentence_with_their_path(
    root: Path, array: np.ndarray | None, words: str
) -> None:
    path = root / "own.npy"
    path.write_bytes(b"")
    if array is not None:
        np.save(path, array)
    with pytest.raises(InputError, match=rf"own\.npy.*{words}"):
        triplets.read(path)


def test_perturbations_are_about_grey_and_stretched_by_their_largest_entry() -> None:
    found = np.zeros((2, 3, 1, 2, 2), np.float32)
    found[0, 1, 0, 0] = 0.2, -0.1
    found[:, 2] = 1.0
    picture = np.asarray(triplets.drawn(found))
    assert picture.shape == (2, 2 * (3 * 2 + 2) + 4, 4)
    clean, perturbation, adversarial = (picture[:, 3 * i : 3 * i + 2, 0] for i in range(3))
    assert perturbation.tolist() == [[255, 64], [128, 128]]
    assert (clean == 0).all()
    assert (adversarial == 255).all()
    assert (picture[:, 2, 3] == 0).all()  # between the cells: see-through


@pytest.mark.parametrize(
    ("metric", "words", "value"),
    [
        ("success@own", "success rate, target own", "50.0 ± 1.0 %"),
        ("queries_mean_all", "mean queries, a failure counted as the whole budget", "0.5 ± 0.0"),
        ("l2@5", "mean L2 distance of successes, target 5", "0.500 ± 0.010"),
    ],
)
def test_metrics_have_their_own_names_and_units(metric: str, words: str, value: str) -> None:
    assert metric_words(metric) == words
    assert shown(metric, 0.5, 0.01) == value
