"""Estimators beside the exact gradient of a gradient predictor; a search has none."""

from __future__ import annotations

import shutil

import pytest

from lazyleap.errors import InputError
from stages import fidelity
from tests.attack.stages.project import META, ZOO


@pytest.fixture(autouse=True)
def workspace(done, tmp_path, monkeypatch):
    monkeypatch.chdir(shutil.copytree(done, tmp_path / "workspace"))


def test_estimators_are_compared_on_held_out_pairs():
    rows = {row.estimator: row for row in fidelity.measure("params.yaml", META, 2)}
    assert rows["exact"].cosine == pytest.approx(1, abs=1e-5)
    for name in ("first order", "one leap, start", "one leap, end"):
        assert 0 < rows[name].cosine <= 1
        assert rows[name].low is not None  # two tasks: one a surrogate
    assert rows["first order"].cosine < 1 - 1e-6


def test_a_search_that_is_not_learned_is_refused():
    with pytest.raises(InputError, match="kind 'attack' with algorithm 'zoo' has no inner"):
        fidelity.measure("params.yaml", ZOO, 2)
