"""What an ONNX classifier says of itself: the options of a target that can be read off the file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import onnx
from onnx import GraphProto, ValueInfoProto

from lazyleap.classifiers.files import find
from lazyleap.classifiers.options import Layout, Range
from lazyleap.errors import InputError

SURE = ("Softmax", "Normalizer", "ZipMap")  # operators whose answers are probabilities
COLOURS = (1, 3)


class Looked(NamedTuple):
    """Of a target's options what the file tells; None: it does not.

    ``output`` is None where the first output has the scores; ``size`` is that of square images.
    """

    input: str
    layout: Layout
    pixels: Range | None
    channels: int | None
    size: int | None
    output: str | None
    outputs: str
    classes: int | None


def look(source: Path) -> Looked:
    """Read the file, or the one in the folder, without its weights.

    Raises:
        InputError: if it is no ONNX, or its input cannot be images.
    """
    path, _ = find(source)
    graph = onnx.load(str(path), load_external_data=False).graph
    given = _input(path, graph)
    sizes = _sizes(given)
    layout, channels, size = _images(path, given.name, sizes[1:])
    number = given.type.tensor_type.elem_type
    score, first = _scores(path, graph)
    return Looked(
        input=given.name,
        layout=layout,
        pixels="bytes" if number == onnx.TensorProto.UINT8 else None,
        channels=channels,
        size=size,
        output=None if first else score.name,
        outputs="probabilities" if _is_sure(graph, score.name) else "logits",
        classes=sizes[1] if len(sizes := _sizes(score)) == 2 else None,
    )


def _input(path: Path, graph: GraphProto) -> ValueInfoProto:
    held = {tensor.name for tensor in graph.initializer}
    inputs = [given for given in graph.input if given.name not in held]
    if len(inputs) != 1:
        raise InputError(f"{path}: has inputs {', '.join(i.name for i in inputs)}; should have one")
    return inputs[0]


def _sizes(value: ValueInfoProto) -> list[int | None]:
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") else None for dim in dims]


def _images(
    path: Path, name: str, sizes: list[int | None]
) -> tuple[Layout, int | None, int | None]:
    """Layout, channels and side."""
    if len(sizes) == 3 and (sizes[0] in COLOURS or sizes[2] not in COLOURS):
        return "nchw", sizes[0], sizes[1] or sizes[2]
    if len(sizes) == 3:
        return "nhwc", sizes[2], sizes[0] or sizes[1]
    if len(sizes) == 1 and sizes[0] is not None:
        for channels in COLOURS:
            side = math.isqrt(sizes[0] // channels)
            if channels * side**2 == sizes[0]:
                return "flat-hwc", channels, side
    raise InputError(
        f"{path}: input '{name}' of sizes {sizes} an item is neither an image nor a square of "
        "pixels"
    )


def _scores(path: Path, graph: GraphProto) -> tuple[ValueInfoProto, bool]:
    """The first output that holds no whole numbers, as labels are, and whether it is the first."""
    whole = (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.STRING)
    for i, value in enumerate(graph.output):
        if value.type.tensor_type.elem_type not in whole:
            return value, i == 0
    raise InputError(f"{path}: no output holds scores, only labels")


def _is_sure(graph: GraphProto, name: str) -> bool:
    made = next((node for node in graph.node if name in node.output), None)
    return made is not None and (made.op_type in SURE or made.op_type.endswith("Classifier"))
