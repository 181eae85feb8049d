"""What a kind describes: rows of its charts and tables from metrics that are made by hand."""

from __future__ import annotations

import base64
import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lazyleap.longtail.report import report as longtail
from lazyleap.results import Group, Run
from lazyleap.settings import load
from tests.report import grid
from tests.report.conftest import rerun
from tests.report.test_report import metrics, small

CLASSES = 30


@pytest.fixture(scope="module")
def tasks():
    return load(grid.DEFAULT).tasks


def tail(label: str, recall: np.ndarray, weights: dict[str, float]) -> Group:
    """One run of a long tail whose class c has 1000 - 10 c training images, in mixed order."""
    order = np.random.default_rng(0).permutation(CLASSES)
    confusion = np.zeros((CLASSES, CLASSES), int)
    confusion[order, order] = 10 * recall
    confusion[order, order[0]] += (10 * (1 - recall)).astype(int)
    sizes = np.empty(CLASSES, int)
    sizes[order] = 1000 - 10 * np.arange(CLASSES)
    shares = np.empty(CLASSES)
    shares[order] = recall
    said = {
        "dataset": "d",
        "primary": "error",
        "test_digest": "ab",
        "metrics": {"error": {"value": float(1 - recall.mean()), "ci95": 0.1, "n": 300}},
        "recall": [{"value": float(share)} for share in shares],
        "confusion": confusion.tolist(),
        "classes": [f"c{i}" for i in range(CLASSES)],
        "train_images": sizes.tolist(),
    }
    named = (label, label, label, "a", "e", 1, "", 0)
    return Group((Run(*named, said, {}, [], None, Path(), lambda prefix: weights),))


def test_many_classes_are_taken_together_by_rank(tasks):
    recall = np.linspace(1, 0, CLASSES).round(1)
    weights = {f"class_weight/{i:03d}": 2.0 for i in range(CLASSES)}
    groups = [tail("good", recall, weights), tail("bad", recall / 2, weights)]
    charts = {chart.name: chart for chart in longtail(tasks["glyphs-lt"], groups).charts}
    rows = [row for row in charts["recall"].rows if row["setting"] == "good"]
    assert [row["class"] for row in rows][:2] == ["1-3 (1,000-980)", "4-6 (970-950)"]
    expected = 100 * recall.reshape(10, 3).mean(1)
    assert [row["value"] for row in rows] == pytest.approx(expected)
    assert {row["value"] for row in charts["weights"].rows} == {2.0}
    confusion = charts["confusion"]
    assert "good" in confusion.title  # the least error
    cells = {(row["true"], row["answer"]): row["value"] for row in confusion.rows}
    last = "28-30 (730-710)"
    assert cells[last, last] == pytest.approx(100 * recall[-3:].mean())
    assert cells[last, "1-3 (1,000-980)"] == pytest.approx(100 * (1 - recall[-3:].mean()))


def test_no_weights_no_chart_of_them(tasks):
    groups = [tail("one", np.ones(CLASSES), {})]
    assert "weights" not in {chart.name for chart in longtail(tasks["glyphs-lt"], groups).charts}


def test_pictures_of_first_successes_are_on_the_page_as_they_are(root):
    small(root)
    path = metrics(root, "attack-square-s0").parent / "pictures" / "glyphs-allconv.png"
    text = rerun(root)
    shown = re.search(r'base64,([^"]*)" alt="First successes: target glyphs-allconv, square"', text)
    assert base64.b64decode(shown[1]) == path.read_bytes()
    path.unlink()
    assert "glyphs-allconv, square" not in rerun(root)


@pytest.mark.parametrize(("width", "height", "row"), [(36, 12, True), (35, 12, False)])
def test_a_long_picture_has_a_row_to_itself(root, width, height, row):
    small(root)
    path = metrics(root, "attack-square-s0").parent / "pictures" / "glyphs-allconv.png"
    Image.new("L", (width, height)).save(path)
    words = "First successes: target glyphs-allconv, square"
    figure = re.search(f'<figure([^>]*)><img src="[^"]*" alt="{words}"', rerun(root))
    assert figure[1] == (' class="strip"' if row else "")


def test_the_tables_say_in_which_unit_a_score_is(root):
    small(root)
    path = metrics(root, "attack-square-s0")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"units": {"success": "dB"}}))
    rerun(root)
    rows = list(csv.DictReader((root / "results" / grid.GRID / "metrics.csv").open()))
    assert {row["metric"]: row["unit"] for row in rows} == {
        row["metric"]: "dB" if row["metric"] == "success" else "" for row in rows
    }
