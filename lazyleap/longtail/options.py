"""The schema of params.yaml for long-tailed classification; no defaults here either."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, SerializeAsAny, Tag, model_validator

from lazyleap.blocks import (
    Block,
    Count,
    File,
    Held,
    Momentum,
    NetworkOptions,
    Rate,
    Seed,
    TaskOptions,
    Training,
    UserNetwork,
    ours_or_users,
)
from lazyleap.datasets.options import DatasetOptions
from lazyleap.setting import Setting


class ClassifierOptions(NetworkOptions):
    """A network that is a running classifier: ``resnetD`` are the CIFAR ones, of D layers."""

    backbone: Literal["conv4", "resnet8", "resnet20", "resnet32"]
    width: Held
    norm: Literal["batch", "group"]
    downsample: Literal["stride", "pool"]

    @model_validator(mode="after")
    def _resnet_strides(self) -> ClassifierOptions:
        if self.backbone != "conv4" and self.downsample != "stride":
            raise ValueError(f"backbone {self.backbone} goes with downsample stride")
        return self


Model = Annotated[
    Annotated[ClassifierOptions, Tag("ours")] | Annotated[UserNetwork, Tag("users")],
    ours_or_users("backbone"),
    SerializeAsAny(),
]


class LongTailDraw(Block):
    """What is chosen once for all settings: the meta set, then the images that the profile keeps.

    ``imbalance``: the largest class over the smallest; null keeps the data as they are. ``order``:
    all classes by name, the one that keeps the most images first; else their order in the data.
    ``validation_per_class``: training images that nothing learns from, for validation alone; 0: it
    looks at the meta set.
    """

    imbalance: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None
    meta_per_class: Held
    seed: Seed
    order: list[str] | None = None
    validation_per_class: Annotated[int, Field(ge=0, le=10**6)] = 0

    @model_validator(mode="after")
    def _order_of_a_profile(self) -> LongTailDraw:
        if self.order is not None and self.imbalance is None:
            raise ValueError("order is that of a profile: it does not go with imbalance null")
        return self


class Augment(Block):
    """Training images only: mirrored half of the time, shifted by up to ``pad`` pixels."""

    flip: bool
    pad: Annotated[int, Field(ge=0, le=1024)]


class LongTailTraining(Training):
    """The classifier's own optimiser and budget, the same for every setting of a task.

    A meta-iteration is one training step. ``warmup`` and ``milestones`` are fractions of them.
    ``start``: a safetensors file to start from, or null.
    """

    batch: Held
    meta_batch: Held
    lr: Rate
    momentum: Momentum
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    warmup: Annotated[float, Field(ge=0, le=1)]
    milestones: list[Annotated[float, Field(gt=0, lt=1)]]
    decay: Annotated[float, Field(gt=0, le=1)]
    augment: Augment
    start: File | None

    FILES: ClassVar = ("start",)


class LongTailTest(Block):
    """Classes of more than ``many`` training images, of fewer than ``few``; calibration bins."""

    many: Count
    few: Count
    bins: Held

    @model_validator(mode="after")
    def _in_order(self) -> LongTailTest:
        if self.few > self.many:
            raise ValueError(f"test.few {self.few} is above test.many {self.many}")
        return self


class LongTailTask(TaskOptions):
    """Classification of one data set whose training classes are of very different sizes."""

    kind: Literal["longtail"]
    dataset: DatasetOptions
    draw: LongTailDraw
    model: Model
    training: LongTailTraining
    test: LongTailTest


def task(setting: Setting) -> LongTailTask:
    """The setting's task, of this kind."""
    assert isinstance(setting.task, LongTailTask)
    return setting.task
