"""Episodes: what is drawn for training, validation and test, whatever the sizes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError
from lazyleap.fewshot import prepare
from lazyleap.fewshot import train as stage
from lazyleap.fewshot.episodes import Episodes, Sampler, as_tasks
from tests.handmade import CPU, images, prepared, setting

FEWEST = 9  # images of a class


def numbered(classes: int, seed: int = 0) -> ImageSet:
    """Every image is its own number, classes of 9 images and more in any order."""
    chance = np.random.default_rng(seed)
    labels = chance.permutation(np.repeat(np.arange(classes), FEWEST + np.arange(classes) % 3))
    pixels = np.arange(len(labels), dtype=np.uint8)[:, None, None, None]
    return ImageSet(pixels, labels, tuple(f"class {c}" for c in range(classes)))


sizes = st.tuples(st.integers(2, 6), st.integers(1, 4), st.integers(1, 5), st.integers(0, 3))


@given(sizes, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_no_image_twice_in_an_episode_and_each_row_is_a_class_of_its_own(size, seed):
    way, shot, query, spare = size
    source = numbered(way + spare, seed)
    drawn = Sampler(source, way, shot, query).draw(3, np.random.default_rng(seed))
    assert drawn.support.shape == (3, way, shot)
    assert drawn.query.shape == (3, way, query)
    for support, queries in zip(drawn.support, drawn.query, strict=True):
        both = np.concatenate([support, queries], 1)
        assert len(np.unique(both)) == way * (shot + query)  # the queries hold no support image
        classes = source.labels[both]
        assert (classes == classes[:, :1]).all()
        assert len(np.unique(classes[:, 0])) == way


def test_every_class_and_every_image_has_its_turn_at_every_place():
    source = numbered(4)
    drawn = Sampler(source, 2, 1, 2).draw(3000, np.random.default_rng(0))
    firsts = np.bincount(source.labels[drawn.support[:, 0, 0]], minlength=4) / 3000
    np.testing.assert_allclose(firsts, 0.25, atol=0.04)
    for rows in (drawn.support, drawn.query):
        times = np.bincount(rows.ravel(), minlength=len(source.labels))
        expected = rows.size / 4 / np.bincount(source.labels)[source.labels]
        np.testing.assert_allclose(times / expected, 1, atol=0.25)


def test_a_task_is_the_support_set_at_every_step_and_the_query_set_once():
    source = numbered(3)
    pixels = Pixels(source, [0.0], [1 / 255], CPU)  # an image is its number
    episodes = Episodes(np.array([[[3, 4], [0, 1]]]), np.array([[[5, 6, 7], [8, 9, 2]]]))
    (task,) = as_tasks(pixels, episodes, 4)
    assert len(task.inner) == 4
    assert all(batch is task.inner[0] for batch in task.inner)
    assert [round(x) for x in task.inner[0].inputs.flatten().tolist()] == [3, 4, 0, 1]
    assert task.inner[0].targets.tolist() == [0, 0, 1, 1]
    assert [round(x) for x in task.outer.inputs.flatten().tolist()] == [5, 6, 7, 8, 9, 2]
    assert task.outer.targets.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((4, 1, 1), "^way 4: the data set has only 3 classes in this split$"),
        ((3, 5, 5), r"^class 'class 0' has 9 images: .* shot 5 \+ query 5 = 10$"),
    ],
)
def test_too_few_classes_or_images_are_refused(size, words):
    assert Sampler(numbered(3), 3, 4, 5).draw(1, np.random.default_rng(0)).support.size == 12
    with pytest.raises(InputError, match=words):
        Sampler(numbered(3), *size)


def test_stored_episodes_have_a_digest_of_their_content(tmp_path):
    drawn = Sampler(numbered(5), 3, 2, 2).draw(6, np.random.default_rng(0))
    drawn.save(tmp_path / "e.npz")
    again = Episodes.load(tmp_path / "e.npz")
    assert (again.support == drawn.support).all()
    assert (again.query == drawn.query).all()
    assert len(again) == 6
    assert again.digest == drawn.digest
    assert (again.head(2).query == drawn.query[:2]).all()
    others = Episodes(drawn.query, drawn.support), drawn.head(5)
    assert len({drawn.digest, *(other.digest for other in others)}) == 3
    with pytest.raises(InputError, match=r"none\.npz: are not stored episodes"):
        Episodes.load(tmp_path / "none.npz")


SETS = {part: images(i, [9, 9, 9, 9]) for i, part in enumerate(("train", "val", "test"))}


def few(seed: int = 3):
    def change(params):
        task = params["tasks"]["glyphs"]
        task["draw"].update(way=3, shot=2, query=4, validation_episodes=5, test_episodes=7)
        task["training"].update(way=3, shot=2, query=3, meta_batch=4)
        task["model"]["width"] = 2

    return change, {"algorithm": "maml", "estimator": "exact", "horizon": 2, "seed": seed}


def test_what_is_drawn_for_all_is_of_its_own_split_and_seed(tmp_path):
    change, run = few()
    options = setting(tmp_path, "glyphs", run, change).task
    drawn = prepare.draw(SETS, options)
    validation, test = drawn[prepare.VALIDATION], drawn[prepare.TEST]
    assert validation.support.shape == (5, 3, 2)
    assert test.query.shape == (7, 3, 4)
    assert prepare.draw(SETS, options)[prepare.TEST].digest == test.digest
    reseeded = options.model_copy(update={"draw": options.draw.model_copy(update={"seed": 1})})
    assert prepare.draw(SETS, reseeded)[prepare.TEST].digest != test.digest
    assert (validation.support != test.support[:5]).any()
    with pytest.raises(InputError, match="has no test split, only train, val"):
        prepare.draw({part: SETS[part] for part in ("train", "val")}, options)


def learner(folder, seed: int):
    change, run = few(seed)
    folder.mkdir()
    ours = setting(folder, "glyphs", run, change)
    data = prepared(folder / "data", **SETS)
    prepare.draw(SETS, ours.task)[prepare.VALIDATION].save(data.folder / "validation.npz")
    return stage.learner(ours, data, CPU)


def test_a_meta_batch_is_known_by_seed_and_iteration_and_is_of_training_images(tmp_path):
    one, same, other = (learner(tmp_path / n, s) for n, s in (("a", 0), ("b", 0), ("c", 1)))
    train = {tuple(image.ravel().tolist()) for image in SETS["train"].images}
    info = json.loads((tmp_path / "a/data/dataset.json").read_text())
    (mean,), (std,) = info["mean"], info["std"]
    tasks = one.sample(7)
    assert len(tasks) == 4
    for task in tasks:
        assert len(task.inner) == 2
        assert (len(task.inner[0].targets), len(task.outer.targets)) == (6, 9)
        for batch in (task.inner[0], task.outer):
            back = ((batch.inputs.flatten(1) * std + mean) * 255).round().int()
            assert {tuple(row) for row in back.tolist()} <= train
    for task, again in zip(tasks, same.sample(7), strict=True):
        assert torch.equal(task.outer.inputs, again.outer.inputs)
    for different in (one.sample(8), other.sample(7)):
        assert not torch.equal(tasks[0].outer.inputs, different[0].outer.inputs)
    assert not torch.equal(tasks[0].outer.inputs, tasks[1].outer.inputs)
    ((tag, cells),) = stage.pictures(one).items()
    first = one.sample(0)[0]
    assert tag == "episode/support_and_query"
    for label in range(3):  # a row a class, support left and query right
        parts = [b.inputs[b.targets == label] for b in (first.inner[0], first.outer)]
        assert torch.equal(cells[label], torch.cat(parts))
    starts = [torch.cat([p.flatten() for p in each.theta.values()]) for each in (one, same, other)]
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])
