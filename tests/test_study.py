"""A study's grids: who is tuned over what, who is chosen, and what of the file stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lazyleap.budget import alike
from lazyleap.errors import InputError
from lazyleap.settings import load, resolve
from lazyleap.study import chosen, confirmation, shared_name, tuning, with_runs
from lazyleap.views import view
from tests.conftest import ROOT

STUDIES = ("multishot", "short-horizons", "long-tail-study", "attack-study",
           "neural-fields", "neural-fields-longer")  # fmt: skip
OUTER, INNER = [0.001, 0.003], [0.1, 0.4, 1.0]


def base(folder, runs):
    params = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"runs": runs}
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    return load(path)


LAZY = {"task": "glyphs", "algorithm": "maml", "estimator": "lazy", "horizon": 5, "seed": 0,
        "placement": "start"}  # fmt: skip
TAIL = {"task": "glyphs-lt", "estimator": "none", "horizon": 1, "seed": 0}
RUNS = {
    "lazy": LAZY | {"outer": {"clip_norm": 1.0}},
    "reweight": TAIL | {"algorithm": "reweight", "estimator": "exact"},
    "plain": TAIL | {"algorithm": "cross_entropy"},
    "untrained": LAZY | {"meta_iterations": 0},
}


def test_each_setting_is_tuned_over_the_rates_that_it_has(tmp_path):
    found = tuning(base(tmp_path, RUNS), RUNS, OUTER, INNER)
    assert [name.rpartition("-t")[0] for name in found] == (
        ["lazy"] * 6 + ["reweight"] * 3 + ["plain", "untrained"]
    )
    assert found["lazy-t2"] == LAZY | {"outer": {"clip_norm": 1.0, "lr": 0.001}, "inner_lr": 0.4}
    assert found["lazy-t4"]["outer"]["lr"] == 0.003
    assert found["reweight-t3"] == RUNS["reweight"] | {"inner_lr": 1.0}
    assert found["plain-t1"] == RUNS["plain"]
    assert RUNS["lazy"]["outer"] == {"clip_norm": 1.0}
    alone = tuning(base(tmp_path, RUNS), RUNS, OUTER, [])
    assert "inner_lr" not in alone["lazy-t1"]
    assert len(alone) == 5
    with pytest.raises(InputError, match="nothing to tune"):
        tuning(base(tmp_path, RUNS), RUNS, [], [])


def test_a_classifier_in_training_is_tuned_over_its_own_rate(tmp_path):
    path = base(tmp_path, RUNS)
    found = tuning(path, RUNS, [], [0.1], [0.05, 0.2])
    assert [found[f"plain-t{n}"]["lr"] for n in (1, 2)] == [0.05, 0.2]
    assert found["reweight-t2"] == RUNS["reweight"] | {"inner_lr": 0.1, "lr": 0.2}
    assert {name for name in found if name.startswith(("lazy", "untrained"))} == {
        "lazy-t1",
        "untrained-t1",
    }
    assert "lr" not in found["lazy-t1"]
    assert RUNS["plain"] == TAIL | {"algorithm": "cross_entropy"}
    runs = {**confirmation(found, dict.fromkeys(found, 1.0), [1]), "plain": RUNS["plain"]}
    settings = base(tmp_path, runs)
    rates = {name: resolve(settings, name).task.training.lr for name in ("plain", "plain-s1")}
    assert rates == {"plain": settings.tasks["glyphs-lt"].training.lr, "plain-s1": 0.05}
    setting = resolve(settings, "plain-s1")
    assert view(setting, "train")["task"]["training"]["lr"] == setting.chosen()["lr"] == 0.05
    assert "lr" not in resolve(settings, "plain").chosen()
    groups = alike([resolve(settings, name) for name in runs])
    assert ["plain-s1", "plain"] in [[one.name for one in group] for group in groups]


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (LAZY | {"lr": 0.1}, "lr does not go with algorithm 'maml' and estimator 'lazy'"),
        (RUNS["plain"] | {"lr": 0}, r"runs\.one\.lr: input should be greater than 0, not 0"),
    ],
)
def test_a_rate_without_a_classifier_and_a_wrong_one_are_refused(run, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        base(tmp_path, {"one": run})


def test_a_base_grid_has_one_run_a_setting(tmp_path):
    runs = {"a": LAZY, "b": LAZY | {"seed": 1}}
    with pytest.raises(InputError, match="runs 'a' and 'b' differ by seed alone"):
        tuning(base(tmp_path, runs), runs, OUTER, [])


SCORES = {"lazy-t1": 0.5, "lazy-t2": 0.7, "lazy-t3": 0.7, "a-t1-t1": 0.1, "a-t1-t2": 0.0}


def test_the_best_in_validation_is_confirmed_with_fresh_seeds():
    assert chosen(SCORES) == {"lazy": "lazy-t2", "a-t1": "a-t1-t1"}
    runs = {name: LAZY | {"inner_lr": float(i)} for i, name in enumerate(SCORES, start=1)}
    found = confirmation(runs, SCORES, [3, 7])
    assert list(found) == ["lazy-s3", "lazy-s7", "a-t1-s3", "a-t1-s7"]
    assert found["lazy-s7"] == LAZY | {"inner_lr": 2.0, "seed": 7}
    for seeds in ([], [3, 3], [1, 0]):
        with pytest.raises(InputError, match=r"none that rates were chosen with \(0\)"):
            confirmation(runs, SCORES, seeds)
    with pytest.raises(InputError, match="'late-t1' of the tuning has no result"):
        confirmation(runs | {"late-t1": LAZY}, SCORES, [1])


@pytest.mark.parametrize("after", ["", "\n# the end\nlast: {a: 1}\n"])
def test_runs_alone_are_replaced(after):
    head = "# head\nfirst: 1   # one\n\n"
    text = f"{head}runs:    # some\n  a: {{b: 1}}\n\n  # of its own\n  c:\n    {{d: 2}}\n{after}"
    found = with_runs(text, {"x": {"y": 0.001, "z": [[0.5, 1]]}})
    assert found.startswith(f"{head}runs:\n  x: {{y: 0.001, z: [[0.5, 1]]}}\n")
    old, new = (yaml.safe_load(one) for one in (text, found))
    assert new == old | {"runs": {"x": {"y": 0.001, "z": [[0.5, 1]]}}}


@pytest.mark.parametrize("grid", STUDIES)
def test_a_study_of_the_project_can_be_tuned_and_confirmed(grid, tmp_path):
    path = ROOT / "grids" / grid / "params.yaml"
    text, settings = path.read_text(), load(path)
    runs = yaml.safe_load(text)["runs"]
    assert {run["seed"] for run in runs.values()} == {0}
    tuned = tuning(settings, runs, [0.0003, 0.001], [])
    later = confirmation(tuned, dict.fromkeys(tuned, 0.5), [1, 2, 3])
    for some in (tuned, later):
        (tmp_path / "params.yaml").write_text(with_runs(text, some))
        made = load(tmp_path / "params.yaml")
        assert list(made.runs) == list(some)
    for name in runs:
        one, other = resolve(settings, name), resolve(made, f"{name}-s2")
        assert other.seed == 2
        assert (one.horizons, one.meta_iterations, one.task) == (
            other.horizons, other.meta_iterations, other.task
        )  # fmt: skip


def rows(grid):
    settings = load(ROOT / "grids" / grid / "params.yaml")
    return [resolve(settings, name) for name in settings.runs]


def test_multi_shot_is_by_its_protocol():
    found = rows("multishot")
    task = found[0].task
    assert task.grouped
    assert (task.batch, task.draw.way, task.draw.shot, task.draw.query) == (20, 20, 15, 5)
    assert max(task.test.steps) == task.test.curve_steps == 100
    lists = ROOT / task.dataset.splits
    alphabets = {
        part: {line.partition("/")[0] for line in Path(lists / f"{part}.txt").read_text().split()}
        for part in ("train", "val", "test")
    }
    assert not alphabets["train"] & alphabets["test"]
    assert not (alphabets["train"] | alphabets["test"]) & alphabets["val"]
    growing = [one for one in found if one.growth]
    assert {one.estimator for one in growing} == {"lazy", "first_order"}  # its control beside it
    assert {tuple(one.horizons) for one in growing} == {(5, 20, 50)}


def test_runs_of_a_confirmation_share_the_name_of_their_setting():
    assert shared_name({"lazy-secants-s1": 1, "lazy-secants-s2": 2}) == "lazy-secants"
    assert shared_name({"lazy-s1": 1, "exact-s2": 2}) is None
    assert shared_name({"lazy-s1": 3}) is None
    assert shared_name({"lazy-s1": 1, "lazy": 2}) is None
