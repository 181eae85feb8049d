"""The schema of params.yaml for attacks: the task, its surrogates and targets; no defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lazyleap.blocks import Block, Count, Held, Rate, Seed, TaskOptions, Training
from lazyleap.datasets.options import DatasetOptions
from lazyleap.setting import Setting

Goal = Literal["untargeted", "targeted"]


class AttackDraw(Block):
    """What is chosen once for all settings, of either side of the data.

    ``images``: test images that may be attacked, in a fixed order; the others tell the targets'
    accuracy. ``held_out``: training images that no surrogate is trained on: they tell the
    surrogates' accuracy and validate the meta-training.
    """

    images: Held
    held_out: Held
    seed: Seed


class PredictorOptions(Block):
    """The gradient predictor: feature maps of its first layer."""

    width: Held


class AttackTraining(Training):
    """The budget of a meta-training, the same for every setting of a task.

    A task is one surrogate's pairs of image and gradient: ``support`` of them for the inner steps,
    ``query`` for the outer loss. ``images``: training images whose gradients are computed;
    ``validation_tasks``: fixed ones a surrogate, of held-out images.
    """

    goal: Goal
    images: Held
    support: Held
    query: Held
    meta_batch: Held
    validation_tasks: Held


class AttackTest(Block):
    """What is asked of an attack, the same for every method.

    ``images``: at most so many a target, the first that it classifies correctly. ``epsilon``: the
    largest perturbation by ``norm``, of pixels in 0..1. ``budget``: queries an image.
    ``curve_points``: query counts of the curve, evenly spaced in the logarithm. ``resamples``: of
    the median's bootstrap. ``triplets``: images shown, clean, perturbation and adversarial.
    """

    goal: Goal
    norm: Literal["l2", "linf"]
    epsilon: Rate
    budget: Count
    images: Held
    curve_points: Annotated[int, Field(ge=2, le=10**6)]
    resamples: Held
    triplets: Held


class AttackTask(TaskOptions):
    """Black-box attacks on classifiers of one data set."""

    kind: Literal["attack"]
    dataset: DatasetOptions
    draw: AttackDraw
    model: PredictorOptions
    training: AttackTraining
    test: AttackTest


def task(setting: Setting) -> AttackTask:
    """The setting's task, of this kind."""
    assert isinstance(setting.task, AttackTask)
    return setting.task
