"""Whole trainings of fields against plain torch, in float64; rates that lead away are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lazyleap.errors import InputError
from lazyleap.estimators.together import Together
from neural_fields import train
from neural_fields.images import FILE, Chosen
from tests.examples.neural_fields import small
from tests.handmade import CPU, float64, trained
from tests.oracles.outer import Descent
from tests.reference import assert_same

ITERATIONS = 8
LAZY = {"estimator": "lazy", "placement": "start", "horizon": 3}
WAYS = {
    "exact": {},
    "exact, one step": {"horizon": 1},
    "first order": {"estimator": "first_order", "horizon": 3},
    "lazy": LAZY,
}


def project(folder, run, channels: int = 3, **training):
    given = small.params(**run)
    given["tasks"]["drawings"]["training"].update(training)
    ours = small.setting(folder, given)
    source = small.images(1, 7, channels)
    data = small.prepared(folder / "data", train=source)
    Chosen(np.array([1, 4, 5])).save(data.folder / FILE)
    return ours, data, source


def gradient(theta, batch, horizon: int, estimator: str):
    """The mean over images of d loss(phi_k) / d theta."""
    start = {n: p.detach().requires_grad_() for n, p in theta.items()}
    total = []
    for image in batch:
        if estimator == "exact":
            end = small.fitted(start, image, horizon, graph=True)
        elif estimator == "first_order":
            far = small.fitted(theta, image, horizon)
            end = {n: start[n] + (far[n] - p).detach() for n, p in theta.items()}
        else:
            first = small.fitted(start, image, 1, graph=True)
            far = small.fitted(theta, image, horizon)
            end = {n: first[n] + (far[n] - first[n]).detach() for n in far}
        total.append(small.loss(end, image))
    found = torch.autograd.grad(torch.stack(total).mean(), list(start.values()))
    return dict(zip(start, found, strict=True))


@pytest.mark.parametrize("name", WAYS)
def test_theta_is_that_of_plain_torch(name, tmp_path):
    ours, data, source = project(tmp_path, WAYS[name])
    with float64():
        learner = train.learner(ours, data, CPU)
        assert isinstance(learner.estimator, Together)
        theta = {n: p.clone() for n, p in learner.theta.items()}
        batches = [drawn(learner.sample(i), source) for i in range(ITERATIONS)]
        progress = trained(learner, ours, train.KEEP)
    assert {i for batch in batches for i in batch} <= {0, 2, 3, 6}  # never a held-out one
    descent = Descent(**small.OUTER, iterations=ITERATIONS)
    for i, batch in enumerate(batches):
        found = gradient(theta, source.images[batch], ours.horizon, ours.estimator)
        theta = descent.move(theta, found, i)
    assert_same(learner.theta, theta, rtol=0, atol=1e-12)
    assert_same(progress.best_theta, theta, rtol=0, atol=1e-12)  # the last is kept
    scores = []
    for image in source.images[[1, 4, 5]]:
        error = small.loss(small.fitted(theta, image, ours.horizon), image).detach() / 4
        scores.append(-10 * float(error.log10()))
    assert progress.best_score == pytest.approx(np.mean(scores))


def drawn(tasks, source) -> list[int]:
    """Which images the tasks are of."""
    known = [small.colours(image) for image in source.images]
    return [
        next(i for i, k in enumerate(known) if torch.allclose(k, task.outer.targets))
        for task in tasks
    ]


def test_all_pixels_are_one_batch_at_all_steps(tmp_path):
    ours, data, _ = project(tmp_path, {"horizon": 4})
    for task in train.learner(ours, data, CPU).sample(2):
        assert all(batch is task.outer for batch in task.inner)
        torch.testing.assert_close(task.outer.inputs.double(), small.grid())


def test_points_of_a_path_hear_pixels_that_are_drawn(tmp_path):
    """Every second pixel of a row after another would be the same columns in every image."""
    ours, data, _ = project(tmp_path, {"horizon": 4, "listen": [2, 4]})
    learner = train.learner(ours, data, CPU)
    heard = []
    for tasks in (learner.sample(2), learner.sample(3), learner.posed(learner.theta, 3)[2]):
        for task in tasks:
            assert all(batch is task.inner[0] for batch in task.inner)
            torch.testing.assert_close(task.inner[0].inputs.double(), small.grid())
            rows = torch.cdist(task.outer.inputs.double(), small.grid()).argmin(1)
            assert sorted(rows.tolist()) == list(range(small.SIDE**2))
            torch.testing.assert_close(task.outer.targets, task.inner[0].targets[rows])
            heard.append(tuple(rows[::2].tolist()))
        assert len(set(heard[-len(tasks) :])) == 1  # the same places in all images
    assert len(set(heard)) == 3
    for rows in set(heard):
        columns = np.array(rows) % small.SIDE
        assert 0 < np.mean(columns % 2) < 1
    again = train.learner(ours, data, CPU).sample(2)
    assert torch.equal(again[0].outer.inputs, learner.sample(2)[0].outer.inputs)


def test_sampled_pixels_are_others_at_each_step_and_the_same_in_all_images(tmp_path):
    ours, data, source = project(tmp_path, {"horizon": 4}, pixels=0.3)
    with float64():
        tasks = train.learner(ours, data, CPU).sample(2)
    steps = [batch.inputs for batch in tasks[0].inner]
    assert [len(step) for step in steps] == [round(0.3 * small.SIDE**2)] * 4
    assert len({tuple(step.flatten().tolist()) for step in steps}) == 4
    assert len(set(map(tuple, steps[0].tolist()))) == len(steps[0])
    for task, image in zip(tasks, drawn(tasks, source), strict=True):
        assert len(task.outer.targets) == small.SIDE**2
        for batch, step in zip(task.inner, steps, strict=True):
            assert torch.equal(batch.inputs, step)
            rows = torch.cdist(batch.inputs, small.grid()).argmin(1)
            torch.testing.assert_close(batch.targets, small.colours(source.images[image])[rows])


@pytest.mark.parametrize("rate", [40.0, 1e12])
def test_a_rate_that_leads_away_from_the_image_is_refused(rate, tmp_path):
    ours, data, _ = project(tmp_path, {"horizon": 3, "inner_lr": rate})
    with pytest.raises(InputError, match=r"^inner_lr .*: too large, 3 inner steps .* lower it$"):
        train.learner(ours, data, CPU)


def test_what_is_shown(tmp_path):
    ours, data, _ = project(tmp_path, {"horizon": 2})
    learner = train.learner(ours, data, CPU)
    (first,) = train.pictures(learner).values()
    assert first.shape == (1, 3, 3, small.SIDE, small.SIDE)
    (shown,) = train.preview(learner).values()
    assert shown.images.shape == (6, 3, small.SIDE, small.SIDE)
    assert float(shown.images.min()) >= 0
    assert shown.words[::2] == ["image"] * 3
    assert all(word.endswith(" dB") for word in shown.words[1::2])
    assert train.classes(ours, data) == 3
