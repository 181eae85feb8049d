"""The schema of params.yaml for neural fields; no defaults here either."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lazyleap.blocks import Block, Count, Held, NetworkOptions, Rate, Seed, TaskOptions, Training
from lazyleap.datasets.options import DatasetOptions
from lazyleap.setting import Setting

Steps = Annotated[int, Field(ge=0, le=10_000)]


class ModelOptions(NetworkOptions):
    """A SIREN: ``layers`` of sines, each of ``width`` units, with the frequency ``w0``."""

    backbone: Literal["siren"]
    layers: Annotated[int, Field(ge=1, le=20)]
    width: Held
    w0: Rate


class Draw(Block):
    """Images drawn once, for all settings of a task; none of them is trained on."""

    validation_images: Held
    test_images: Held
    seed: Seed


class FieldTraining(Training):
    """The budget of a meta-training; ``pixels``: the share of an image that an inner step sees."""

    meta_batch: Held
    pixels: Annotated[float, Field(gt=0, le=1)]


class FieldTest(Block):
    """What is reported of a meta-learned start.

    ``steps``: numbers of test-time steps that all settings are judged at, the headline's first.
    ``pictures``: test images that are shown, after ``shown`` steps.
    """

    steps: Annotated[list[Annotated[int, Field(ge=1, le=10_000)]], Field(min_length=1)]
    curve_steps: Count
    pictures: Annotated[int, Field(ge=1, le=100)]
    shown: Annotated[list[Steps], Field(min_length=1)]


class FieldTask(TaskOptions):
    """Images of one data set, each a task of its own: to be fitted by a small network."""

    kind: Literal["neural_fields:kind"]
    dataset: DatasetOptions
    draw: Draw
    model: ModelOptions
    training: FieldTraining
    test: FieldTest


def task(setting: Setting) -> FieldTask:
    """The setting's task, of this kind."""
    assert isinstance(setting.task, FieldTask)
    return setting.task
