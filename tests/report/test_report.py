"""The stage whole: its files, what is missing, what is corrupt, and the same bytes twice."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from PIL import Image

from lazyleap.errors import InputError
from stages import folders, report
from stages.reporting import tables
from tests.report import grid

CHARTS = ("accuracy-horizon", "accuracy-cpu", "accuracy-steps", "cpu-horizon", "memory-horizon")
EXACTLY = (
    "run,grid,task,dataset,algorithm,estimator,horizon,leaps,placement,weighted_step,seed,metric,"
    "value,ci95,meta_iterations,train_cpu_seconds,peak_memory_mib,device,commit"
)


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_file_of_the_report(reported: Path) -> None:
    files = read(reported / "results/toy")
    drawn = {f"omni-{name}.{kind}" for name in CHARTS for kind in ("svg", "png")}
    assert set(files) == drawn | {"summary.csv", "metrics.csv", "summary.md", "report.html"}
    for name in CHARTS:
        assert ElementTree.fromstring(files[f"omni-{name}.svg"]).tag.endswith("svg")
        assert Image.open(io.BytesIO(files[f"omni-{name}.png"])).width > 1200


def test_summary_has_one_row_a_run_and_the_agreed_columns(reported: Path) -> None:
    text = (reported / "results/toy/summary.csv").read_text()
    assert text.splitlines()[0] == EXACTLY
    table = pd.read_csv(io.StringIO(text)).set_index("run")
    assert list(table.index) == list(grid.many())[:-1]
    row = table.loc["maml-lazy-3leaps-k20"]
    assert (row["leaps"], row["placement"], row["metric"]) == (3, "start", "accuracy@20")
    assert pd.isna(table.loc["maml-exact-k1", "leaps"])
    source = json.loads(
        (reported / folders.evaluated("toy", "maml-lazy-k10") / "metrics.json").read_text()
    )
    assert table.loc["maml-lazy-k10", "value"] == source["metrics"]["accuracy@10"]["value"]


def test_metrics_table_has_every_metric(reported: Path) -> None:
    table = pd.read_csv(reported / "results/toy/metrics.csv")
    assert ",".join(table.columns) == EXACTLY
    one = table[table["run"] == "maml-lazy-k10"]
    assert set(one["metric"]) == {"accuracy@1", "accuracy@5", "accuracy@10"}


def test_markdown_shows_seeds_together_and_what_is_missing(root: Path) -> None:
    grid.write_params(root, {f"s{s}": grid.run("exact", 5, seed=s) for s in range(4)})
    for seed, accuracy in enumerate((0.79, 0.80, 0.81)):
        grid.write_run(root, f"s{seed}", accuracy)
    report.main(str(root / "params.yaml"))
    text = (root / "results/toy/summary.md").read_text()
    assert "3 of 4 settings finished" in text
    assert "80.0 ± 2.5 %" in text  # 4.302653 x 1 / sqrt(3) points
    assert "s3" in text.split("## Missing")[1]


def test_no_seed_table_for_single_seeds(root: Path) -> None:
    grid.write_params(root, {"a": grid.run("exact", 1), "b": grid.run("exact", 5)})
    for name in ("a", "b"):
        grid.write_run(root, name, 0.8)
    report.main(str(root / "params.yaml"))
    assert "seed alone" not in (root / "results/toy/summary.md").read_text()


def test_same_inputs_same_bytes(root: Path, reported: Path) -> None:
    report.main(str(grid.write_grid(root)))
    assert read(root / "results/toy") == read(reported / "results/toy")


def test_nothing_finished_is_a_report_of_what_is_missing(root: Path) -> None:
    report.main(str(grid.write_params(root, grid.many())))
    files = read(root / "results/toy")
    assert files["summary.csv"].decode().strip() == EXACTLY
    assert b"0 of 12 settings finished" in files["report.html"]


def test_one_run_without_curve_or_export_is_enough(root: Path) -> None:
    grid.write_params(root, {"a": grid.run("exact", 1)})
    grid.write_run(root, "a", 0.8)
    (root / folders.evaluated("toy", "a") / "curve.csv").unlink()
    (root / folders.exported("toy", "a") / "parity.json").unlink()
    report.main(str(root / "params.yaml"))
    assert "not exported yet" in (root / "results/toy/report.html").read_text()


def test_a_result_of_an_older_params_is_missing_not_shown(root: Path) -> None:
    grid.write_params(root, {"a": grid.run("exact", 1), "b": grid.run("exact", 5)})
    for name in ("a", "b"):
        grid.write_run(root, name, 0.8)
    grid.write_params(root, {"a": grid.run("exact", 2), "b": grid.run("exact", 5)})
    report.main(str(root / "params.yaml"))
    assert list(pd.read_csv(root / "results/toy/summary.csv")["run"]) == ["b"]
    page = (root / "results/toy/report.html").read_text()
    assert "horizon 1 where params.yaml says 2" in page


@pytest.mark.parametrize(
    ("stage", "file", "content", "words"),
    [
        ("evaluated", "metrics.json", "{", "not usable JSON"),
        ("evaluated", "metrics.json", '{"task": NaN}', "NaN"),
        ("record", "record.json", "{}", "meta_iterations"),
        ("record", "record.json", '{"meta_iterations": Infinity}', "Infinity"),
        ("evaluated", "curve.csv", "step,accuracy\n1,0.5\n", "ci95"),
        ("evaluated", "curve.csv", "step,accuracy,ci95\n1,nan,0.1\n", "finite"),
        ("evaluated", "curve.csv", "step,accuracy,ci95\n1,x,0.1\n", "table"),
        ("exported", "parity.json", '{"max_abs_diff": -1}', "max_abs_diff"),
    ],
)
def test_a_corrupt_file_is_one_sentence_with_its_path(
    root: Path, stage: str, file: str, content: str, words: str
) -> None:
    params = grid.write_grid(root, {"a": grid.run("exact", 1), "b": grid.run("exact", 5)})
    (root / "results/toy").mkdir(parents=True)
    (root / "results/toy/earlier.txt").write_text("kept")
    (getattr(folders, stage)("toy", "a") / file).write_text(content)
    with pytest.raises(InputError, match=file) as caught:
        report.main(str(params))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert read(root / "results/toy") == {"earlier.txt": b"kept"}


def test_published_figures_only_beside_their_own_task(root: Path) -> None:
    runs = {"five": grid.run("exact", 1), "six": grid.run("exact", 1, task="six")}
    grid.write_params(root, runs, omni=grid.task(5), six=grid.task(6))
    for name in runs:
        grid.write_run(root, name, 0.8)
    report.main(str(root / "params.yaml"))
    five, six = (root / "results/toy/report.html").read_text().split('<h2 id="six">')
    assert "98.7" in five
    assert "Finn, Abbeel, Levine" in five
    assert "Published figures" not in six


def test_every_column_is_defined() -> None:
    assert ",".join(tables.COLUMNS) == EXACTLY
    assert all(tables.DEFINITIONS[column] for column in tables.COLUMNS)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("accuracy@1", "accuracy after 1 step"),
        ("accuracy@20", "accuracy after 20 steps"),
        ("error", "error"),
        ("error@few", "error, few-shot classes"),
    ],
)
def test_metric_names_for_people(metric: str, words: str) -> None:
    assert tables.metric_words(metric) == words
