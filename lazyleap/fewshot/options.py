"""The schema of params.yaml for few-shot learning; no defaults here either."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny, Tag, model_validator

from lazyleap.blocks import (
    Block,
    Held,
    NetworkOptions,
    Seed,
    Steps,
    TaskOptions,
    Training,
    UserNetwork,
    ours_or_users,
)
from lazyleap.datasets.options import DatasetOptions
from lazyleap.setting import Setting

Way = Annotated[int, Field(ge=2, le=10**6)]


class ModelOptions(NetworkOptions):
    """A few-shot backbone."""

    backbone: Literal["conv4", "resnet12"]
    width: Held
    norm: Literal["batch", "group"]
    downsample: Literal["stride", "pool"]

    @model_validator(mode="after")
    def _resnet_pools(self) -> ModelOptions:
        if self.backbone == "resnet12" and self.downsample != "pool":
            raise ValueError("backbone resnet12 goes with downsample pool")
        return self


Model = Annotated[
    Annotated[ModelOptions, Tag("ours")] | Annotated[UserNetwork, Tag("users")],
    ours_or_users("backbone"),
    SerializeAsAny(),
]


class Draw(Block):
    """Episodes drawn once, for all settings of a task."""

    way: Way
    shot: Held
    query: Held
    validation_episodes: Held
    test_episodes: Held
    seed: Seed


class FewShotTraining(Training):
    """The budget of a meta-training, the same for every setting of a task."""

    way: Way
    shot: Held
    query: Held
    meta_batch: Held


class FewShotTest(Block):
    """What is reported of a meta-learned model.

    ``steps``: numbers of test-time steps that all settings of the task are judged at, the best of
    them by validation.
    """

    steps: Annotated[list[Annotated[int, Field(ge=0, le=10**5)]], Field(min_length=1)]
    curve_episodes: Held
    curve_steps: Steps


class FewShotTask(TaskOptions):
    """N-way K-shot episodes of one data set.

    ``grouped``: the classes of an episode are of one group, as of one alphabet. ``batch``: images
    of the support set that an inner step sees, others at each; without it, all.
    """

    kind: Literal["fewshot"]
    dataset: DatasetOptions
    draw: Draw
    model: Model
    training: FewShotTraining
    test: FewShotTest
    grouped: bool = False
    batch: Held | None = None

    @model_validator(mode="after")
    def _enough_to_learn_from(self) -> FewShotTask:
        for name, part in (("training", self.training), ("draw", self.draw)):
            if self.batch is not None and self.batch > (most := part.way * part.shot):
                raise ValueError(
                    f"batch {self.batch} is more than {name}.way x {name}.shot = {most}, all that "
                    "an episode has to learn from"
                )
        return self

    @model_validator(mode="after")
    def _one_head(self) -> FewShotTask:
        if self.training.way != self.draw.way:
            raise ValueError(
                f"training.way {self.training.way} and draw.way {self.draw.way} differ: "
                "the network has one output a class"
            )
        return self


def task(setting: Setting) -> FewShotTask:
    """The setting's task, of this kind."""
    assert isinstance(setting.task, FewShotTask)
    return setting.task
