"""A horizon that grows with training: read, refused, seen by every kind, recorded, resumed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yaml

from lazyleap.errors import InputError
from lazyleap.fewshot import prepare, train
from lazyleap.longtail.learned import Ahead
from lazyleap.setting import Setting
from lazyleap.settings import load
from lazyleap.training.loop import Plan, Progress, fit
from lazyleap.views import view
from stages.reporting.inputs import _words
from tests.conftest import ROOT
from tests.handmade import CPU, Quiet, images, prepared, setting
from tests.reference import assert_same

GROWTH = [[0.3, 1], [0.7, 2]]
RUN = {"algorithm": "maml", "horizon": 4, "growth": GROWTH, "meta_iterations": 10}
LAZY = {"estimator": "lazy", "placement": "end"}
EXPECTED = [1, 1, 1, 2, 2, 2, 2, 4, 4, 4]


def small(params):
    task = params["tasks"]["glyphs"]
    task["draw"].update(way=3, shot=1, query=2, validation_episodes=3)
    task["model"]["width"] = 2
    task["training"].update(way=3, shot=1, query=1, meta_batch=2, validate_every=5)


def made(folder, change=small, **run):
    return setting(folder, "glyphs", RUN | run, change)


@pytest.mark.parametrize("estimator", [
    LAZY, {"estimator": "exact"}, {"estimator": "first_order"}, {"estimator": "reptile"},
    {"estimator": "unrolled"}, {"estimator": "implicit"},
], ids=lambda run: run["estimator"])  # fmt: skip
def test_iterations_have_the_steps_of_their_time(estimator, tmp_path):
    found = made(tmp_path, **estimator)
    assert [found.horizon_at(i) for i in range(10)] == EXPECTED
    assert (found.horizon, found.horizons) == (4, [1, 2, 4])
    whole = learner(tmp_path, found)
    assert [len(whole.sample(i)[0].inner) for i in range(10)] == EXPECTED
    for i in (0, 3, 7):
        assert np.isfinite(whole.step(i, describe=True)["train/outer_loss"])


@pytest.mark.parametrize(("count", "expected"), [(1, [1]), (3, [1, 2, 2]), (4, [1, 1, 2, 4])])
def test_few_iterations_begin_short(count, expected, tmp_path):
    found = made(tmp_path, **LAZY, meta_iterations=count)
    assert [found.horizon_at(i) for i in range(count)] == expected


def test_a_constant_horizon_is_one(tmp_path):
    found = made(tmp_path, **LAZY, growth=None)
    assert [found.horizon_at(i) for i in range(10)] == [4] * 10
    assert "growth" not in found.chosen()


END = "the last point is the end of the path, horizon = 4"


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"growth": [[0.7, 1], [0.3, 2]]}, r"\[0\.7, 1\] comes before \[0\.3, 2\]: both"),
        ({"growth": [[0.3, 3], [0.7, 2]]}, r"\[0\.3, 3\] comes before \[0\.7, 2\]: both"),
        ({"growth": [[0.5, 4]]}, r"\[0\.5, 4\] comes before \[1, 4\]: both"),
        ({"growth": [[1.0, 2]]}, r"runs\.run\.growth"),
        ({"growth": [[0.5]]}, r"runs\.run\.growth"),
        ({"growth": []}, r"runs\.run\.growth"),
        ({"growth": 3}, r"runs\.run\.growth"),
        ({"growth": [[0.5, 1]], "leaps": 2}, r"^.*runs\.run: .*2"),
        ({"growth": [[0.5, 1]], "listen": [2, 3]}, rf"runs\.run: listen \[2, 3\]: {END}"),
        ({"growth": [[0.5, 1]], "listen": [2, 5]}, rf"runs\.run: listen \[2, 5\]: {END}"),
        ({"listen": [2, 5]}, rf"runs\.run: listen \[2, 5\]: {END}"),
    ],
    ids=str,
)
def test_what_does_not_grow_or_fit_is_refused(run, words, tmp_path):
    with pytest.raises(InputError, match=words):
        made(tmp_path, **LAZY, **run)


def test_points_beyond_a_path_that_is_still_short_fit(tmp_path):
    found = made(tmp_path, **LAZY, growth=[[0.5, 1]], listen=[2, 4])
    assert [found.make_estimator().points(k) for k in found.horizons] == [(1,), (2, 4)]


def test_nothing_is_looked_ahead_by_a_baseline(tmp_path):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    run = params["runs"]["lt-cross-entropy"] | {"horizon": 2, "growth": [[0.5, 1]]}
    params["runs"] = {"run": run}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(InputError, match=r"horizon 2: with .* nothing is looked ahead"):
        load(tmp_path / "params.yaml")


def test_each_stage_is_told_and_what_is_told_says_the_same(tmp_path):
    found = made(tmp_path, **LAZY)
    for stage in ("train", "evaluate", "export"):
        again = Setting.of(yaml.safe_load(yaml.safe_dump(view(found, stage))))
        assert [again.horizon_at(i) for i in range(10)] == EXPECTED
        assert again.chosen()["growth"] == "1 until 0.3, 2 until 0.7, 4"
    other = made(tmp_path, **LAZY, growth=[[0.4, 1], [0.7, 2]])
    assert view(other, "train") != view(found, "train")
    assert _words(list(found.growth)) == "1 until 0.3 2 until 0.7"
    assert _words({"lr": 0.01, "schedule": "cosine"}) == "lr 0.01 schedule cosine"


def test_a_long_tail_looks_as_far_ahead_as_the_iteration_asks():
    batches = [torch.tensor([float(i)]) for i in range(20)]
    stream = [(batch, batch.long()) for batch in batches]
    ahead = Ahead(stream, batches, lambda i: EXPECTED[i], "first")
    for i in range(10):
        task = ahead.task(i, lambda _: torch.ones(1))
        assert [int(batch.inputs) for batch in task.inner] == list(range(i, i + EXPECTED[i]))


def learner(folder, found):
    sets = {part: images(i, [4, 4, 4, 4]) for i, part in enumerate(("train", "val"))}
    data = prepared(folder / "data", **sets)
    drawn = prepare.draw(sets | {"test": sets["val"]}, found.task)
    drawn[prepare.VALIDATION].save(data.folder / "validation.npz")
    return train.learner(found, data, CPU)


def test_a_training_that_is_cut_off_ends_with_the_same_numbers(tmp_path):
    found = made(tmp_path, **LAZY)
    plan = Plan(10, 3, 5, seed=found.seed)
    whole, before, after = (learner(tmp_path, found) for _ in range(3))
    fit(whole, plan, Progress(), Quiet())
    progress = Progress()
    for i in range(5):  # across the first bound
        torch.manual_seed(99)
        before.step(i, describe=False)
    after.load_state(before.state())
    progress.iteration = 5
    fit(after, plan, progress, Quiet())
    assert_same(after.theta, whole.theta, rtol=0, atol=0)
