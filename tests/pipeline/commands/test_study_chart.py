"""study chart: points and lines from tables of study judge."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lazyleap.errors import InputError
from pipeline.cli import app
from pipeline.commands.study_chart import chart

HEADS = "metric,setting,value,value_low,value_high,cpu_seconds"
TABLES = {
    "short.csv": (HEADS, "accuracy@5,a,0.5,0.4,0.6,100", "accuracy@5,b,0.6,,,104",
                  "accuracy@1,a,0.1,,,100"),
    "long.csv": (HEADS, "accuracy@5,a,0.8,0.7,0.9,400"),
    "other.csv": ("run,metric,value", "x,accuracy@5,0.5"),
    "words.csv": (HEADS, "accuracy@5,a,much,,,100"),
    "cut.csv": (HEADS, "accuracy@5,a,0.5"),
    "empty.csv": (),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, lines in TABLES.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    (tmp_path / "bytes.csv").write_bytes(b"metric\n\xff\xfe\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_budget_is_a_point_and_each_setting_a_line(folder: Path) -> None:
    words = ["study", "chart", "short.csv", "long.csv", "--measure", "accuracy@5", "--to", "b.svg"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert (done.exit_code, done.output) == (0, "b.svg: 3 points of 2 settings\n")
    found = chart([Path("short.csv"), Path("long.csv")], "accuracy@5", Path("again.svg")).content
    assert found["points"] == [
        {"setting": "a", "cpu_seconds": 100.0, "value": 0.5, "low": 0.4, "high": 0.6},
        {"setting": "b", "cpu_seconds": 104.0, "value": 0.6},
        {"setting": "a", "cpu_seconds": 400.0, "value": 0.8, "low": 0.7, "high": 0.9},
    ]
    drawn = (folder / "b.svg").read_text()
    assert drawn == (folder / "again.svg").read_text()
    assert "CPU seconds of training" in drawn
    marks = re.findall(r'aria-roledescription="(line mark|point|rule mark)"', drawn)
    assert [marks.count(kind) for kind in ("line mark", "point", "rule mark")] == [2, 3, 2]


@pytest.mark.parametrize(
    ("table", "measure", "sentence"),
    [
        ("short.csv", "accuracy@2", r"short\.csv: has no measure 'accuracy@2'; did you mean"),
        ("other.csv", "accuracy@5", r"other\.csv: no table that 'study judge --to' wrote"),
        ("words.csv", "accuracy@5", r"words\.csv: no table .* 'much'"),
        ("cut.csv", "accuracy@5", r"cut\.csv: no table that 'study judge --to' wrote"),
        ("empty.csv", "accuracy@5", r"empty\.csv: no table .* \(no column 'metric'\)"),
        ("bytes.csv", "accuracy@5", r"bytes\.csv: no CSV file"),
        ("none.csv", "accuracy@5", r"none\.csv: No such file"),
    ],
)
def test_what_is_no_such_table_is_one_sentence(folder, table, measure, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        chart([Path(table)], measure, Path("b.svg"))
    assert not (folder / "b.svg").exists()


def test_a_figure_that_is_there_stays(folder: Path) -> None:
    Path("b.svg").write_text("mine")
    with pytest.raises(InputError, match=r"b\.svg: is there already"):
        chart([Path("short.csv")], "accuracy@5", Path("b.svg"))
    assert (folder / "b.svg").read_text() == "mine"
