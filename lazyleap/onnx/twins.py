"""Is a file the graph that was checked? Compared part by part, so that no tolerance hides a mutant.

What a learner's graph computes is checked in float64, where no rounding excuses a difference; what
is written is in float32 or, its weights alone, in half precision. Here each is held against the
other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from lazyleap.onnx.parity import Array
from lazyleap.onnx.smaller import PREFIX, is_halved

OTHER = float("inf")  # the difference between graphs of other nodes


def rounding(single: ModelProto, double: ModelProto) -> float:
    """How far the weights of ``single`` are from those of ``double`` rounded to float32.

    In units of the largest weight of each tensor. Infinite if anything else differs than that one
    computes in float32 and the other in float64: an operation, its order, an attribute, a name.
    """
    return _difference(single, narrowed(double))


def narrowed(double: ModelProto) -> ModelProto:
    """The same graph in float32, its weights rounded."""
    return _retyped(double, TensorProto.DOUBLE, TensorProto.FLOAT)


def widened(single: ModelProto) -> ModelProto:
    """The same weights, computed in float64."""
    return _retyped(single, TensorProto.FLOAT, TensorProto.DOUBLE)


def halved(small: ModelProto, whole: ModelProto) -> float:
    """How far the weights of ``small`` are from those of ``whole`` rounded to half precision.

    In the same units; infinite if anything else differs, or a weight is beyond half precision.
    """
    return _difference(_restored(small), _rounded(whole))


def _difference(found: ModelProto, expected: ModelProto) -> float:
    a, b = _weights(found), _weights(expected)
    if _bare(found) != _bare(expected) or a.keys() != b.keys():
        return OTHER
    return max((_distance(a[name], b[name]) for name in a), default=0.0)


def _distance(found: Array, expected: Array) -> float:
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return OTHER
    if found.dtype.kind != "f":
        return 0.0 if np.array_equal(found, expected) else OTHER
    if not (np.isfinite(found) & np.isfinite(expected)).all():
        return OTHER
    largest = np.abs(expected).max(initial=0.0)
    apart = np.abs(found.astype(np.float64) - expected).max(initial=0.0)
    return float(apart / largest) if apart else 0.0


def _weights(model: ModelProto) -> dict[str, Array]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _bare(model: ModelProto) -> bytes:
    """Everything but the weights and what is said about the file."""
    copied = _copy(model)
    del copied.graph.initializer[:], copied.metadata_props[:]
    content: bytes = copied.SerializeToString(deterministic=True)
    return content


def _retyped(model: ModelProto, old: int, new: int) -> ModelProto:
    """The same graph with tensors of type ``new`` where they were of ``old``."""
    copied, dtype = _copy(model), helper.tensor_dtype_to_np_dtype(new)
    for graph in _graphs(copied.graph):
        for tensor in graph.initializer:
            _retype(tensor, old, dtype)
        for value in (*graph.input, *graph.output, *graph.value_info):
            if value.type.tensor_type.elem_type == old:
                value.type.tensor_type.elem_type = new
        for node in graph.node:
            for attribute in node.attribute:
                if node.op_type == "Cast" and attribute.name == "to" and attribute.i == old:
                    attribute.i = new
                _retype(attribute.t, old, dtype)
    return copied


def _retype(tensor: TensorProto, old: int, dtype: Any) -> None:
    if tensor.data_type == old:
        _replace(tensor, numpy_helper.to_array(tensor).astype(dtype))


def _restored(small: ModelProto) -> ModelProto:
    """With weights in float32 again and without the nodes that turn them back."""
    model = _copy(small)
    casts = [n for n in model.graph.node if n.op_type == "Cast" and n.input[0].startswith(PREFIX)]
    names = {node.input[0]: node.output[0] for node in casts}
    for tensor in model.graph.initializer:
        if tensor.name in names:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.name = names[tensor.name]
            _replace(tensor, values)
    for node in casts:
        model.graph.node.remove(node)
    return model


def _rounded(whole: ModelProto) -> ModelProto:
    """With the weights that a file of half size stores rounded."""
    model = _copy(whole)
    for tensor in model.graph.initializer:
        if is_halved(tensor):
            with np.errstate(over="ignore"):
                values = numpy_helper.to_array(tensor).astype(np.float16)
            _replace(tensor, values.astype(np.float32))
    return model


def _replace(tensor: TensorProto, values: Array) -> None:
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _copy(model: ModelProto) -> ModelProto:
    copied = ModelProto()
    copied.CopyFrom(model)
    return copied
