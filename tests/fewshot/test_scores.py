"""Which step counts, chance, and the same results as metrics, items and bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lazyleap.fewshot import train as stage
from lazyleap.fewshot.episodes import Episodes
from lazyleap.fewshot.scores import measure
from lazyleap.items import Items
from lazyleap.statistics import interval
from stages import evaluate, prepare, train
from tests.conftest import edit
from tests.tags import undefined

CLASSES = np.array([[0, 1], [2, 3], [1, 3], [0, 2]])
TEST = {
    1: np.array([0.5, 0.6, 0.4, 0.5]),
    5: np.array([0.9, 0.8, 0.9, 1.0]),
    7: np.array([1.0, 1.0, 1.0, 1.0]),
}


def measured(at_one, at_five):
    validation = {1: np.array(at_one), 5: np.array(at_five)}
    return measure(TEST, validation, [5, 1], CLASSES, np.array([[0, 1], [1, 0]]), 2)


@pytest.mark.parametrize(("share", "at_chance"), [(0.27, True), (0.6, False)])
def test_validation_says_whether_it_is_above_chance(monkeypatch, share, at_chance):
    """Four ways: a quarter is chance, and the interval is some 0.06 wide to each side."""
    found = share + np.tile([-0.1, 0.1], 6)
    monkeypatch.setattr(stage, "accuracies", lambda *given: {5: found})
    episodes = Episodes(np.zeros((12, 4, 1), int), np.zeros((12, 4, 3), int))
    judged = stage._score(None, 5, None, None, episodes, {})
    assert judged["validation/score"] == pytest.approx(share)
    assert (judged["validation/low"] > 0.25, judged["validation/at_chance"]) == (
        not at_chance,
        at_chance,
    )


def test_validation_chooses_among_the_common_steps():
    """Not the test, and never the setting's own 7 steps, which others are not judged at."""
    items, found = measured([0.8, 0.8], [0.9, 0.6])
    assert (found["step"], found["primary"], found["common_steps"]) == (1, "accuracy", [1, 5])
    assert found["metrics"]["accuracy"] == found["metrics"]["accuracy@1"]
    assert found["validation"]["accuracy@5"] == interval(np.array([0.9, 0.6]), (0, 1))
    assert items.values["accuracy"].tolist() == TEST[1].tolist()
    assert measured([0.7, 0.7], [0.9, 0.6])[1]["step"] == 5
    assert measured([0.7, 0.7], [0.7, 0.7])[1]["step"] == 1


def test_every_metric_is_the_mean_of_its_items_with_classes_as_a_sample():
    items, found = measured([0.7, 0.7], [0.9, 0.6])
    assert set(items.values) == set(found["metrics"]) == {
        "accuracy", "accuracy@1", "accuracy@5", "accuracy@7"
    }  # fmt: skip
    for name, values in items.values.items():
        expected = interval(values, (0, 1), CLASSES)
        assert found["metrics"][name].items() >= expected.items()
    assert found["test_classes"] == 4


def test_what_is_not_above_one_in_way_is_at_chance():
    marks = {n: m["at_chance"] for n, m in measured([1, 1], [0, 0])[1]["metrics"].items()}
    assert marks == {"accuracy": True, "accuracy@1": True, "accuracy@5": False, "accuracy@7": False}


def results(folder: Path, run: str) -> dict:
    return json.loads((folder / f"artifacts/evaluate/quick/{run}/metrics.json").read_text())


@pytest.fixture
def trained(project):
    """The small project with an absurd outer rate in one setting, and an untrained one."""

    def change(params):
        run = params["runs"]["maml-exact-k1"]
        params["runs"]["untrained"] = run | {"meta_iterations": 0}
        params["algorithms"]["maml"]["outer"].update(lr=1e10, clip_norm=None)
        params["tasks"]["glyphs"]["test"]["steps"] = [0, 1, 3]

    edit(project / "params.yaml", change)
    prepare.main("glyphs")
    for run in ("maml-exact-k1", "untrained"):
        train.main(run)
        evaluate.main(run)
    return project


def test_from_training_to_stored_results(trained):
    found = results(trained, "maml-exact-k1")
    assert set(found["metrics"]) == {"accuracy", "accuracy@0", "accuracy@1", "accuracy@3"}
    assert (found["own"], found["common_steps"]) == ("accuracy@1", [0, 1, 3])
    assert found["at_chance"]
    path = trained / "artifacts/evaluate/quick/maml-exact-k1/items.npz"
    items = Items.load(path)
    assert items.values["accuracy@3"].mean() == found["metrics"]["accuracy@3"]["value"]
    assert items.clusters.shape == (6, 5)
    assert undefined("quick", "maml-exact-k1") == set()
    first = path.read_bytes()
    evaluate.main("maml-exact-k1")
    assert path.read_bytes() == first


def test_with_no_meta_iterations_the_start_is_kept_and_judged(trained):
    record = json.loads((trained / "artifacts/record/quick/untrained/record.json").read_text())
    assert (record["meta_iterations"], record["best_iteration"]) == (0, 0)
    assert 0 < record["best_validation"] < 1
    assert results(trained, "untrained")["metrics"]["accuracy@0"]["n"] == 6
    theta = trained / "artifacts/train/quick/untrained/theta.safetensors"
    assert theta.stat().st_size > 1000
