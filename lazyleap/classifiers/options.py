"""The schema of params.yaml for classifiers that a stage trains or takes in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lazyleap.blocks import Block, Count, Rate, Seed

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Classifier(Block):
    """A small classifier that a stage trains: Adam with a rate falling to 0, cross-entropy.

    ``source`` is what its DVC stage depends on: where the architectures are.
    """

    task: str
    source: Literal["lazyleap/models"]
    architecture: Literal["mlp", "lenet", "conv4", "resnet8", "vgg", "allconv"]
    width: Count
    epochs: Count
    batch: Annotated[int, Field(ge=2)]
    lr: Rate
    seed: Seed


class TrainedTarget(Classifier):
    """A target of this project's own making."""

    kind: Literal["trained"]


class OnnxTarget(Block):
    """A user's classifier, an ONNX file ``source``, or the folder of one and of its weights.

    ``input``: the name of its image input ``[n, C, H, W]``, which gets ``(pixels - mean) / std``
    of pixels in 0..1, a number a channel each. ``outputs``: what its first output ``[n, classes]``
    holds. Class names of the data set, in their order, are its outputs 0, 1, ...
    """

    kind: Literal["onnx"]
    task: str
    source: Annotated[str, Field(min_length=1)]
    input: str
    mean: Annotated[list[Finite], Field(min_length=1)]
    std: Annotated[list[Rate], Field(min_length=1)]
    outputs: Literal["logits", "probabilities"]
    classes: Annotated[int, Field(ge=2)]


Target = Annotated[TrainedTarget | OnnxTarget, Field(discriminator="kind")]
