"""An ONNX graph written operation by operation, in arithmetic that reads like the formula."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """A tensor that the graph will compute; ``shape`` where it is known, -1 for the batch."""

    builder: Builder
    name: str
    shape: Shape = ()

    def __add__(self, other: Value | float) -> Value:
        return self.builder.op("Add", self, other)

    def __sub__(self, other: Value | float) -> Value:
        return self.builder.op("Sub", self, other)

    def __mul__(self, other: Value | float) -> Value:
        return self.builder.op("Mul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Value | float) -> Value:
        return self.builder.op("Div", self, other)

    def __matmul__(self, other: Value) -> Value:
        return self.builder.op("MatMul", self, other)

    def sized(self, shape: Sequence[int]) -> Value:
        """The same tensor, its shape known."""
        return Value(self.builder, self.name, tuple(shape))

    def reshape(self, *shape: int) -> Value:
        """In another shape, with -1 for what is left."""
        return self.builder.op("Reshape", self, shape).sized(shape)

    def transpose(self, *order: int) -> Value:
        """The dimensions in another order."""
        return self.builder.op("Transpose", self, perm=order)

    def sum(self, *axes: int, keep: bool = False) -> Value:
        """The sum over dimensions."""
        return self.builder.op("ReduceSum", self, axes, keepdims=int(keep))

    def mean(self, *axes: int, keep: bool = False) -> Value:
        """The mean over dimensions."""
        return self.builder.op("ReduceMean", self, axes, keepdims=int(keep))

    def slice(self, axes: Sequence[int], *spans: slice) -> Value:
        """What lies in ``spans`` of ``axes``."""
        starts, stops = [s.start or 0 for s in spans], [s.stop for s in spans]
        return self.builder.op("Slice", self, starts, stops, axes, [s.step or 1 for s in spans])

    def pad(self, *pads: int) -> Value:
        """With zeros around: first the counts before each dimension, then those after."""
        return self.builder.op("Pad", self, pads) if any(pads) else self

    def equals(self, other: Value | Sequence[int]) -> Value:
        """1 where equal, else 0: a factor, as ONNX Runtime's ``Where`` is slow."""
        return self.builder.real(self.builder.op("Equal", self, other))

    def positive(self) -> Value:
        """1 where above zero, else 0."""
        return self.builder.real(self.builder.op("Greater", self, 0.0))


class Builder:
    """Nodes in order and the constants they need, all real numbers of one ``dtype``."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.type: int = helper.np_dtype_to_tensor_dtype(dtype)
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.scope = ""
        self._names: Counter[str] = Counter()

    def value(self, name: str, shape: Sequence[int] = ()) -> Value:
        """A tensor that is given from outside."""
        return Value(self, name, tuple(shape))

    def op(self, kind: str, *inputs: Value | float | Sequence[int], **attributes: Any) -> Value:
        """The first output of one ONNX operation.

        A number among the inputs is a constant of the graph's dtype, a sequence of integers one of
        int64 (shapes, axes).
        """
        name = self._fresh(f"{self.scope}{kind}")
        names = [i.name if isinstance(i, Value) else self.constant(i) for i in inputs]
        self.nodes.append(helper.make_node(kind, names, [name], name=name, **attributes))
        return Value(self, name)

    def concat(self, values: Iterable[Value], axis: int) -> Value:
        """Values side by side."""
        return self.op("Concat", *values, axis=axis)

    def stack(self, values: Iterable[Value], axis: int) -> Value:
        """Values side by side in a new dimension."""
        return self.concat([self.op("Unsqueeze", v, (axis,)) for v in values], axis)

    def real(self, value: Value) -> Value:
        """The same numbers in the graph's dtype."""
        return self.op("Cast", value, to=self.type)

    def named(self, value: Value, name: str) -> Value:
        """The same tensor under a name of the caller's."""
        self.nodes.append(helper.make_node("Identity", [value.name], [name], name=name))
        return Value(self, name, value.shape)

    def reals(self, numbers: Sequence[float], shape: Sequence[int]) -> Value:
        """A constant tensor."""
        array = np.array(numbers, np.float64).reshape(shape)
        return Value(self, self._keep(array), array.shape)

    def constant(self, content: float | Sequence[int]) -> str:
        """The name of a constant, one for equal ones."""
        if isinstance(content, float | int):
            return self._keep(np.array(content, np.float64))
        return self._keep(np.array(content, np.int64))

    def _keep(self, array: NDArray[Any]) -> str:
        """Reals come in float64, so that a constant has one name in graphs of either dtype."""
        kind = "real" if array.dtype == np.float64 else "int"
        name = f"{kind}({','.join(map(str, array.reshape(-1).tolist()))})"
        name += f"[{','.join(map(str, array.shape))}]" if array.ndim else ""
        kept = array.astype(self.dtype) if kind == "real" else array
        self.constants.setdefault(name, numpy_helper.from_array(kept, name))
        return name

    def _fresh(self, name: str) -> str:
        self._names[name] += 1
        count = self._names[name]
        return name if count == 1 else f"{name}_{count}"
