"""The same file at about half the size: weights stored in half precision, computed in single."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

LEAST = 256  # numbers; below it a note of the conversion costs what it saves
PREFIX = "half/"  # of the name of a weight that is stored so


def is_halved(tensor: TensorProto) -> bool:
    """Whether :func:`half` stores this weight in half precision."""
    return bool(tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= LEAST)


def half(model: ModelProto) -> ModelProto:
    """``model`` with its float32 weights rounded to float16 and a ``Cast`` back at the start.

    Nothing else changes: inputs, outputs and all arithmetic stay in float32, and ONNX Runtime
    converts once, when it opens the file. A weight keeps 11 significant bits: relative error 5e-4
    at most, for sizes between 6e-5 and 65504.
    """
    small = ModelProto()
    small.CopyFrom(model)
    graph, casts = small.graph, []
    for tensor in graph.initializer:
        if not is_halved(tensor):
            continue
        name = tensor.name
        rounded = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(rounded, PREFIX + name))
        cast = helper.make_node("Cast", [tensor.name], [name], name=name, to=TensorProto.FLOAT)
        casts.append(cast)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(small, full_check=True)
    return small
