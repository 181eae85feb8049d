"""Estimators beside the exact gradient: in the report where they were compared, else absent."""

from __future__ import annotations

import json

import pytest

from lazyleap import InputError
from stages import folders
from stages.reporting import drawing
from stages.reporting.compared import charts
from tests.report import grid
from tests.report.conftest import rerun
from tests.report.reading import rows

RUN = "maml-lazy-k5-s0"
EXACT = {"estimator": "exact", "cosine": 1.0, "low": 1.0, "high": 1.0, "ratio": 1.0}
FIRST = {"estimator": "first order", "cosine": 0.5, "low": 0.25, "high": 0.75, "ratio": 0.8}
REFUSED = dict.fromkeys(("cosine", "low", "high", "ratio", "cpu_ms", "min_factor"))


def made(root):
    content = grid.params(1)
    content["runs"] = {RUN: content["runs"][RUN]}
    return grid.write(root, content).parent


def compared(root, **changes):
    every = [EXACT | {"cpu_ms": 20.0}, FIRST | {"cpu_ms": 5.0} | changes]
    every = [row | {"min_factor": -0.5, "refused": ""} for row in every]
    every.append(REFUSED | {"estimator": "other", "refused": "does not go with it"})
    path = root / folders.fidelity(grid.GRID, RUN)
    grid.save(path, {"run": RUN, "tasks": 3, "rows": every})


def test_a_row_an_estimator_and_a_chart(root):
    made(root)
    assert "Gradients beside the exact one" not in rerun(root)
    compared(root)
    page = rerun(root)
    found = rows(page, "glyphs: Gradients beside the exact one")
    assert [row["estimator"] for row in found] == ["exact", "first order"]
    assert found[1]["at the theta of"] == RUN
    assert found[1]["cosine with the exact gradient"].startswith("0.5")
    assert [row["CPU time, of the exact one's"] for row in found] == ["1", "0.25"]
    assert found[1]["smallest factor"].replace("\u2212", "-").startswith("-0.5")
    assert (root / "results" / grid.GRID / "glyphs-fidelity.svg").is_file()


def test_the_chart_has_cosine_and_interval_against_time():
    row = FIRST | {"run": RUN, "cpu_ms": 5.0, "min_factor": None, "share": 0.25}
    (chart,) = charts([row])
    point = {"run": RUN, "estimator": "first order", "share": 0.25}
    assert chart.rows == [point | {"value": 0.5, "low": 0.25, "high": 0.75}]
    svg, _ = drawing.static(chart, drawing.legends([chart]))
    assert "first order" in svg
    assert not charts([])
    assert not charts([row | {"share": None}])


def test_a_cosine_that_is_none_is_refused(root):
    made(root)
    compared(root, cosine=1.5)
    with pytest.raises(
        InputError, match=r"record/toy/maml-lazy-k5-s0\.fidelity\.json: rows.1.cosine"
    ):
        rerun(root)
    assert json.loads((root / folders.fidelity(grid.GRID, RUN)).read_text())["rows"]
