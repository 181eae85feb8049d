"""The schema of params.yaml for classifiers that a stage trains or imports."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import Field

from lazyleap.blocks import Block, Count, File, Held, Name, Rate, Seed
from lazyleap.errors import InputError, nearest

Layout = Literal["nchw", "nhwc", "flat-chw", "flat-hwc"]
Range = Literal["unit", "bytes"]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Classifier(Block):
    """A small classifier that a stage trains: Adam with a rate falling to 0, cross-entropy.

    ``source`` is what its DVC stage depends on: where the architectures are, or, where the package
    is installed apart from the project, the file that stands for it.
    """

    task: Name
    source: Literal["lazyleap/models", "lazyleap.lock"]
    architecture: Literal["mlp", "lenet", "conv4", "resnet8", "vgg", "allconv"]
    width: Held
    epochs: Count
    batch: Annotated[int, Field(ge=2, le=10**6)]
    lr: Rate
    seed: Seed


class TrainedTarget(Classifier):
    """A target of this project's making."""

    kind: Literal["trained"]


class OnnxTarget(Block):
    """A user's classifier, an ONNX file ``source``, or the folder of one and of its weights.

    ``input``: the name of its image input, which gets ``(pixels - mean) / std``, a number a channel
    each. ``outputs``: what the scores ``[n, classes]`` are. Class names of the data set, in their
    order, are its outputs 0, 1, ... The others say what is not as usual: ``layout`` of the input
    (``[n, C, H, W]``), ``pixels``: the range that mean and std are of (``unit``, 0..1), ``output``:
    the name of the one with the scores (the first).
    """

    kind: Literal["onnx"]
    task: Name
    source: File
    input: str
    mean: Annotated[list[Finite], Field(min_length=1)]
    std: Annotated[list[Rate], Field(min_length=1)]
    outputs: Literal["logits", "probabilities"]
    classes: Annotated[int, Field(ge=2, le=10**6)]
    layout: Layout | None = None
    pixels: Range | None = None
    output: str | None = None


Target = Annotated[TrainedTarget | OnnxTarget, Field(discriminator="kind")]


def of_task(table: Mapping[str, Classifier | OnnxTarget], task: str) -> tuple[str, ...]:
    """The names of a task's surrogates or targets, in the order of the file."""
    return tuple(name for name, options in table.items() if options.task == task)


def check_classifiers(
    having: Collection[str],
    surrogates: Mapping[str, Classifier],
    targets: Mapping[str, TrainedTarget | OnnxTarget],
) -> None:
    """Refuse classifiers of a task that is not ``having`` any, and a target that is a surrogate.

    Raises:
        InputError: with the key, the value and the reason.
    """
    tables: dict[str, Mapping[str, Classifier | OnnxTarget]]
    tables = {"surrogates": surrogates, "targets": targets}
    for where, table in tables.items():
        for name, options in table.items():
            if options.task not in having:
                hint = nearest(options.task, having) if having else "there is none"
                raise InputError(
                    f"{where}.{name}.task: '{options.task}' is no task of a kind with classifiers; "
                    f"{hint}"
                )
    seen = {_identity(options): name for name, options in surrogates.items()}
    for name, options in targets.items():
        if isinstance(options, TrainedTarget) and _identity(options) in seen:
            raise InputError(
                f"targets.{name}: is surrogate '{seen[_identity(options)]}' as well (architecture "
                f"{options.architecture}, seed {options.seed}): a target must be held out"
            )


def _identity(options: Classifier) -> tuple[str, str, int]:
    return options.task, options.architecture, options.seed
