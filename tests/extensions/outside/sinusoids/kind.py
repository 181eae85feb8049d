"""What the stages ask of it."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn.functional import mse_loss

from lazyleap import adapt, functional
from lazyleap.blocks import Block, Count, Seed, TaskOptions, Training
from lazyleap.datasets.options import NoImages
from lazyleap.items import Items
from lazyleap.kind import CURVE, Kind, Verdict
from lazyleap.seeding import generator, seed_torch
from lazyleap.statistics import cells, interval, marked
from lazyleap.training.loop import validated
from lazyleap.training.meta_learner import MetaLearner
from lazyleap.training.outer import OuterOptions
from sinusoids.waves import Waves, draw

FLAT = 4.6  # about what predicting zero scores


class Draw(Block):
    tasks: Count
    seed: Seed


class Model(Block):
    width: Count


class SinusoidTraining(Training):
    points: Count
    meta_batch: Count


class Test(Block):
    curve_steps: Count


class SinusoidTask(TaskOptions):
    kind: Literal["sinusoids.kind:Sinusoid"]
    dataset: NoImages
    draw: Draw
    model: Model
    training: SinusoidTraining
    test: Test


class Sinusoid(Kind):
    Options = SinusoidTask

    def draw(self, sets, options):
        points, fixed = options.training.points, options.draw
        return {
            f"{side}/images/waves.npz": draw(fixed.tasks, points, generator(fixed.seed, side))
            for side in ("train", "test")
        }

    def learner(self, setting, data, device):
        problem, theta = self._problem(setting)
        options = setting.task.training

        def sample(iteration):
            chance = generator(setting.seed, "waves", iteration)
            return draw(options.meta_batch, options.points, chance).tasks(setting.horizon)

        fixed = Waves.load(data.folder / "waves.npz").tasks(setting.horizon)

        def score(theta):
            return validated(interval(-errors(problem, theta, fixed, setting.horizon)), -FLAT)

        return MetaLearner(
            problem,
            setting.make_estimator(),
            theta,
            OuterOptions.of(setting.algorithm_options.outer, setting.meta_iterations),
            sample=sample,
            accuracy=lambda phi, theta, task: float(problem.outer_loss(phi, theta, task.outer)),
            score=score,
            scored="train/outer_error",
        )

    def classes(self, setting, data):
        return 1

    def judge(self, setting, theta, data, device):
        problem, _ = self._problem(setting)
        waves = Waves.load(data.folder / "waves.npz")
        found = partial(errors, problem, theta, waves.tasks(setting.horizon))
        own = found(setting.horizon)
        steps = range(setting.task.test.curve_steps + 1)
        metrics = {
            "metrics": {"error": marked(interval(own), FLAT, higher=False)},
            "primary": "error",
            "test_digest": waves.digest,
        }
        rows = [(s, *cells(interval(found(s)))) for s in steps]
        return Verdict(metrics, [CURVE, *rows], Items({"error": own}))

    def _problem(self, setting):
        seed_torch(setting.seed, "network")
        width = setting.task.model.width
        net = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1))
        problem = setting.make_problem(functional(net), loss=mse_loss)
        return problem, problem.theta(net)


def errors(problem, theta, tasks, steps) -> np.ndarray:
    """The squared error of each task after so many steps, ``[n]``."""
    found = []
    for task in tasks:
        phi = adapt(problem, theta, task.inner[0], steps)
        with torch.no_grad():
            found.append(float(problem.outer_loss(phi, theta, task.outer)))
    return np.array(found)
