"""The schema of params.yaml for attacks: the task, its surrogates and targets; no defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from lazyleap.blocks import AlgorithmOptions, Block, Count, Fraction, Momentum, Rate, Seed
from lazyleap.classifiers.options import Classifier, OnnxTarget, TrainedTarget
from lazyleap.datasets.options import DatasetOptions
from lazyleap.errors import InputError, nearest

Goal = Literal["untargeted", "targeted"]
Width = Annotated[float, Field(gt=0, le=0.5)]  # of a finite difference, in pixels of 0..1


class AttackDraw(Block):
    """What is chosen once for all settings, of either side of the data.

    ``images``: test images that may be attacked, in a fixed order; the others tell the targets'
    accuracy. ``held_out``: training images that no surrogate is trained on: they tell the
    surrogates' accuracy and validate the meta-training.
    """

    images: Count
    held_out: Count
    seed: Seed


class PredictorOptions(Block):
    """The gradient predictor: feature maps of its first layer."""

    width: Count


class AttackTraining(Block):
    """The budget of a meta-training, the same for every setting of a task.

    A task is one surrogate's pairs of image and gradient: ``support`` of them for the inner steps,
    ``query`` for the outer loss. ``images``: training images whose gradients are computed;
    ``validation_tasks``: fixed ones a surrogate, of held-out images.
    """

    goal: Goal
    images: Count
    support: Count
    query: Count
    meta_batch: Count
    meta_iterations: Count
    validation_tasks: Count
    validate_every: Count
    log_every: Count


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
    images: Count
    curve_points: Annotated[int, Field(ge=2)]
    resamples: Count
    triplets: Count


class AttackTask(Block):
    """Black-box attacks on classifiers of one data set."""

    kind: Literal["attack"]
    dataset: DatasetOptions
    draw: AttackDraw
    model: PredictorOptions
    training: AttackTraining
    test: AttackTest


class PredictedSearch(Block):
    """How a predictor is used; see :class:`lazyleap.attack.predicted.Predicted`."""

    every: Count
    coordinates: Count
    width: Width
    finetune_steps: Annotated[int, Field(ge=0)]
    finetune_lr: Rate
    step: Rate
    keep_measured: bool
    follow: Count | None
    copies: Count


class MetaAttackOptions(AlgorithmOptions):
    """A gradient predictor: its meta-training, and how it is used in an attack."""

    search: PredictedSearch


class AttackBaseline(Block):
    """An attack without a meta-learned part."""


class ZooOptions(AttackBaseline):
    """See :class:`lazyleap.attack.zoo.Zoo`."""

    coordinates: Count
    width: Width
    step: Rate


class SquareOptions(AttackBaseline):
    """See :class:`lazyleap.attack.square.Square`."""

    share: Fraction


class RandomDirectionOptions(AttackBaseline):
    """See :class:`lazyleap.attack.random_direction.RandomDirection`."""

    directions: Count
    width: Width
    step: Rate
    momentum: Momentum


Surrogates = Mapping[str, Classifier]
Targets = Mapping[str, TrainedTarget | OnnxTarget]


def of_task(table: Mapping[str, Classifier | OnnxTarget], task: str) -> tuple[str, ...]:
    """The names of a task's surrogates or targets, in the order of the file."""
    return tuple(name for name, options in table.items() if options.task == task)


def check_classifiers(tasks: Mapping[str, Block], surrogates: Surrogates, targets: Targets) -> None:
    """Refuse classifiers of no attack's task, and a target that is a surrogate, too.

    Raises:
        InputError: with the key, the value and the reason.
    """
    attacks = [name for name, task in tasks.items() if isinstance(task, AttackTask)]
    tables: dict[str, Mapping[str, Classifier | OnnxTarget]]
    tables = {"surrogates": surrogates, "targets": targets}
    for where, table in tables.items():
        for name, options in table.items():
            if options.task not in attacks:
                hint = nearest(options.task, attacks) if attacks else "there is none"
                raise InputError(
                    f"{where}.{name}.task: '{options.task}' is no task of kind attack; {hint}"
                )
    known = {_identity(options): name for name, options in surrogates.items()}
    for name, options in targets.items():
        if isinstance(options, TrainedTarget) and _identity(options) in known:
            raise InputError(
                f"targets.{name}: is surrogate '{known[_identity(options)]}' as well "
                f"(architecture {options.architecture}, seed {options.seed}): a target must be "
                "held out"
            )


def check_attack(task: str, algorithm: str, surrogates: Surrogates, targets: Targets) -> None:
    """Refuse an attack without a target, and a meta-training without a surrogate.

    Raises:
        InputError: naming the task and the block.
    """
    if not of_task(targets, task):
        raise InputError(f"task '{task}' has no classifier to attack: add one to targets")
    if algorithm == "meta_attack" and not of_task(surrogates, task):
        raise InputError(f"task '{task}' has no classifier to learn from: add some to surrogates")


def _identity(options: Classifier) -> tuple[str, str, int]:
    return options.task, options.architecture, options.seed
