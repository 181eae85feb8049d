"""Episodes of one group whose inner steps see mini-batches: drawn, learned from and judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lazyleap import MAML, Batch, Task
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError
from lazyleap.fewshot import card, evaluate, prepare, train
from lazyleap.fewshot.episodes import Episodes, Sampler
from lazyleap.fewshot.export import extent
from lazyleap.fewshot.kind import check
from lazyleap.fewshot.measures import accuracies
from lazyleap.fewshot.minibatches import order
from lazyleap.fewshot.report import _batches
from tests.handmade import CPU, float64, images, prepared, seen, setting, trained
from tests.oracles import episodes as oracle
from tests.oracles.networks import conv4, cross_entropy, group_norm
from tests.oracles.outer import Descent
from tests.reference import Plain, assert_same

WAY, SHOT, QUERY, SIZE, ITERATIONS, EVERY = 3, 2, 2, 4, 9, 3
ALPHABETS = ("Latin/a", "Latin/b", "Latin/c", "Greek/a", "Greek/b", "Greek/c", "Runic/a")


def network(theta, x):
    return conv4(theta, x, group_norm)


def grouped(seed: int, classes=ALPHABETS) -> ImageSet:
    return replace(images(seed, [6] * len(classes), 32), classes=classes)


SETS = {part: grouped(i) for i, part in enumerate(("train", "val", "test"))}


def test_classes_of_an_episode_are_of_one_group_and_small_groups_are_left_out():
    drawn = Sampler(SETS["train"], 2, 1, 1, grouped=True).draw(400, np.random.default_rng(0))
    classes = SETS["train"].labels[drawn.support[:, :, 0]]
    names = np.array([name.partition("/")[0] for name in ALPHABETS])[classes]
    assert (names[:, 0] == names[:, 1]).all()
    assert set(names.ravel()) == {"Latin", "Greek"}
    assert abs((names[:, 0] == "Latin").mean() - 0.5) < 0.1
    assert all(len(set(pair)) == 2 for pair in classes.tolist())
    assert len({tuple(sorted(pair)) for pair in classes.tolist()}) == 6
    with pytest.raises(InputError, match=r"^way 4: the largest group of this split has 3 classes$"):
        Sampler(SETS["train"], 4, 1, 1, grouped=True)
    with pytest.raises(InputError, match=r"^grouped: class 'a' has no group: .*GROUP/CLASS"):
        Sampler(images(0, [6, 6]), 2, 1, 1, grouped=True)


def ours(folder, run, **more):
    def change(params):
        task = params["tasks"]["glyphs"]
        task["draw"].update(way=WAY, shot=SHOT, query=QUERY)
        task["draw"].update(validation_episodes=5, test_episodes=14)
        task["model"].update(width=4, norm="group", downsample="stride")
        task["training"].update(way=WAY, shot=SHOT, query=QUERY, meta_batch=2)
        task["training"].update(meta_iterations=ITERATIONS, validate_every=EVERY)
        task["test"].update(steps=[1, 4], curve_episodes=3, curve_steps=4)
        task.update({"grouped": True, "batch": SIZE} | more)
        outer = {"optimizer": "sgd", "lr": 0.05, "schedule": "step", "clip_norm": None}
        params["algorithms"]["maml"].update(inner_lr=0.1, momentum=0.0, outer=outer)

    folder.mkdir(exist_ok=True)
    return setting(folder, "glyphs", {"algorithm": "maml", **run}, change)


def plain_task(pixels, support, query, steps) -> Task:
    """One stored episode as it is learned from, images by their numbers."""
    flat, labels = support.ravel(), torch.arange(WAY)
    inner = [
        Batch(pixels[flat[places]], torch.tensor(places // SHOT))
        for places in order(support, steps, SIZE)
    ]
    return Task(inner, Batch(pixels[query.ravel()], labels.repeat_interleave(QUERY)))


def plain_tasks(sets, data, part, drawn, steps):
    pixels = seen(sets[part], data.info)
    return [plain_task(pixels, *e, steps) for e in zip(drawn.support, drawn.query, strict=True)]


PLAIN = {"grouped": False, "batch": None}
LAZY = {"estimator": "lazy", "placement": "start", "horizon": 4}
WAYS = {
    "lazy": (LAZY, oracle.lazy(0)),
    "two leaps": (LAZY | {"leaps": 2, "placement": "end"}, oracle.lazy(1, 3)),
    "first order": ({"estimator": "first_order", "horizon": 4}, oracle.first_order),
    "exact": ({"estimator": "exact", "horizon": 3}, oracle.exact),
    "reptile": ({"estimator": "reptile", "horizon": 4}, oracle.reptile),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_training_is_that_of_plain_torch(name, tmp_path):
    run, gradient = WAYS[name]
    one = ours(tmp_path, run)
    data = prepared(tmp_path / "data", **{part: SETS[part] for part in ("train", "val")})
    drawn = prepare.draw(SETS, one.task)[prepare.VALIDATION]
    drawn.save(data.folder / "validation.npz")
    with float64():
        learner = train.learner(one, data, CPU)
        start = {n: p.clone() for n, p in learner.theta.items()}
        batches = [learner.sample(i) for i in range(ITERATIONS)]
        progress = trained(learner, one, train.KEEP)
    for task in batches[0]:
        first, second, *_ = task.inner
        assert len(task.inner) == one.horizon
        assert len(first.targets) == len(second.targets) == SIZE
        assert not torch.equal(first.inputs, second.inputs)
    plain = Plain("maml", network, cross_entropy, 0.1)
    descent = Descent(**one.algorithm_options.outer.model_dump(), iterations=ITERATIONS)
    thetas = oracle.train(plain, start, batches, gradient, descent)
    assert_same(learner.theta, thetas[-1], rtol=0, atol=1e-12)
    tasks = plain_tasks(SETS, data, "val", drawn, one.horizon)

    def score(theta):
        return sum(oracle.accuracy(plain, theta, task, one.horizon) for task in tasks) / len(tasks)

    iteration, value, _ = oracle.best(thetas, EVERY, score)
    assert (progress.best_iteration, progress.best_score) == (iteration, pytest.approx(value))


def test_accuracy_along_the_way_is_that_of_plain_torch(tmp_path):
    """Over 14 episodes: side by side in chunks of 12, and one by one."""
    one = ours(tmp_path, LAZY)
    drawn = prepare.draw(SETS, one.task)[prepare.TEST]
    data = prepared(tmp_path / "test" / "images", test=SETS["test"])
    steps = (0, 1, 3, 7)
    plain = Plain("maml", network, cross_entropy, 0.1)
    with float64():
        problem, theta = evaluate.problem_of(one, data, CPU)
        pixels = evaluate.pixels_of(data, "test", CPU)
        found = accuracies(problem, theta, pixels, drawn, steps, SIZE)
        loop = MAML(lambda p, x: problem.forward(p, x), problem.inner_lr)
        assert evaluate.engine(problem, theta) == "together"
        assert evaluate.engine(loop, theta) == "loop"
        singly = accuracies(loop, theta, pixels, drawn, steps, SIZE)
        whole = accuracies(problem, theta, pixels, drawn, steps)
    tasks = plain_tasks(SETS, data, "test", drawn, max(steps))
    for count in steps:
        expected = [oracle.accuracy(plain, theta, task, count) for task in tasks]
        assert found[count].tolist() == pytest.approx(expected)
        assert singly[count].tolist() == pytest.approx(expected)
    assert (whole[7] != found[7]).any()


def test_a_verdict_takes_groups_for_a_sample(tmp_path):
    one = ours(tmp_path, LAZY)
    folder = tmp_path / "prepared"
    seen_ = prepared(folder / "train" / "images", train=SETS["train"], val=SETS["val"])
    held = prepared(folder / "test" / "images", test=SETS["test"])
    for name, episodes in prepare.draw(SETS, one.task).items():
        episodes.save(folder / name)
    _, theta = evaluate.problem_of(one, seen_, CPU)
    verdict = evaluate.judge(one, theta, held, CPU)
    drawn = Episodes.load(folder / prepare.TEST)
    names = np.array([name.partition("/")[0] for name in ALPHABETS])
    mine = names[SETS["test"].labels[drawn.support[:, 0, 0]]]
    groups = verdict.items.clusters
    assert groups.shape == (14, 1)
    assert len({*zip(mine, groups[:, 0].tolist(), strict=True)}) == len(set(mine)) == 2
    assert verdict.metrics["test_classes"] == 2
    assert verdict.metrics["metrics"]["accuracy"]["chance"] == 1 / WAY


@pytest.mark.parametrize(
    ("run", "more", "words"),
    [
        ({"estimator": "implicit", "horizon": 2}, {}, r"'implicit' does not go with task 'glyphs'"),
        (LAZY | {"rest": "secants"}, {}, r"'lazy' does not go .* as rest 'secants' reads"),
        (LAZY, {"batch": 7}, r"batch 7 is more than training\.way x training\.shot = 6"),
        (LAZY, {"batch": 0}, r"tasks\.glyphs\.batch"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(run, more, words, tmp_path):
    with pytest.raises(InputError, match=words):
        ours(tmp_path, run, **more)


def test_an_estimator_of_one_batch_takes_whole_support_sets(tmp_path):
    check(ours(tmp_path, {"estimator": "implicit", "horizon": 2}, batch=None))


def test_the_picture_shows_the_whole_support_set(tmp_path):
    one = ours(tmp_path, LAZY)
    data = prepared(tmp_path / "data", **{part: SETS[part] for part in ("train", "val")})
    prepare.draw(SETS, one.task)[prepare.VALIDATION].save(data.folder / "validation.npz")
    learner = train.learner(one, data, CPU)
    (cells,) = train.pictures(learner).values()
    task = learner.sample(0)[0]
    assert cells.shape[:2] == (WAY, SHOT + QUERY)
    assert torch.equal(cells[1, SHOT:], task.outer.inputs[QUERY : 2 * QUERY])
    assert torch.equal(cells[:, :SHOT].flatten(0, 1), task.inner.support.inputs)


def test_card_and_report_say_it(tmp_path):
    facts = {
        "image": '{"channels": 1, "height": 28, "width": 28}', "model": '{"backbone": "conv4"}',
        "algorithm": "maml", "estimator": "lazy", "horizon": "5", "classes": "3", "shot": "2",
        "value": ".9", "low": ".8", "high": ".95", "at_chance": "false", "metric": "accuracy",
        "adaptation_steps": "5", "inner_lr": ".1",
    }  # fmt: skip
    assert "an inner step saw 4 images" in card.describe(facts | {"inner_batch": "4"})
    assert "an inner step saw" not in card.describe(facts)
    one, other = (ours(tmp_path, LAZY, **more).task for more in ({}, PLAIN))
    assert _batches(one) == [
        "The classes of an episode are of one group, such as an alphabet.",
        "An inner step sees 4 images, others at every step.",
    ]
    assert _batches(other) == []


@pytest.mark.parametrize(
    ("support", "horizon", "checked"),
    [(5, 20, (3, 20)), (20, 30, (2, 30)), (300, 50, (1, 5)), (2000, 10, (1, 1))],
)
def test_large_episodes_are_checked_at_fewer_steps_and_fewer_of_them(support, horizon, checked):
    assert extent(support, horizon) == checked
