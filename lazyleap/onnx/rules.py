"""What a layer answers and how a gradient comes back through it, written in ONNX.

``RULES[operation](*arguments)`` returns the output ``y`` and its pullback: from the gradient with
respect to ``y`` to one for each tensor argument, in order. Arguments are those of torch's
operation, with :class:`lazyleap.onnx.builder.Value` for tensors. What the networks of
:mod:`lazyleap.models` are made of is here; anything else is refused by name.

The forms are those that ONNX Runtime is quick at: products with masks instead of ``Where``, slices
and matrix products instead of scatter. The batch is dynamic, other sizes are numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from lazyleap.errors import InputError
from lazyleap.onnx.builder import Value

Pullback = Callable[[Value], tuple[Value, ...]]
Rule = Callable[..., tuple[Value, Pullback]]
Pair = tuple[int, int]

IMAGE = (0, 2, 3)  # the dimensions that a channel's statistics and gradients are summed over


def conv2d(
    x: Value,
    w: Value,
    b: Value | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> tuple[Value, Pullback]:
    """``y = w * x + b`` for ``x [n, c, h, w]`` and ``w [o, c, kh, kw]``, ungrouped, undilated."""
    if groups != 1 or tuple(dilation) != (1, 1):
        raise InputError("a grouped or dilated convolution has no gradient rule for export")
    strides, pads = _pair(stride), _pair(padding)
    size = _conv2d_size(x, w, strides, pads)

    def pull(gy: Value) -> tuple[Value, ...]:
        gy = gy.sized((-1, w.shape[0], *size))
        gx = _conv2d_inputs(gy, x, w, strides, pads)
        return gx, _conv2d_weights(gy, x, w, strides, pads), gy.sum(*IMAGE)

    inputs = (x, w) if b is None else (x, w, b)
    return x.builder.op("Conv", *inputs, strides=strides, pads=(*pads, *pads)), pull


def _conv2d_size(x: Value, w: Value, stride: Pair, pad: Pair) -> Pair:
    h, v = ((x.shape[2 + i] + 2 * pad[i] - w.shape[2 + i]) // stride[i] + 1 for i in (0, 1))
    return h, v


def _conv2d_inputs(gy: Value, x: Value, w: Value, stride: Pair, pad: Pair) -> Value:
    (kh, kw), op = w.shape[2:], x.builder.op
    if stride == (1, 1):  # a convolution with the turned kernel is quicker than a transposed one
        last = -(2**31)  # Slice's way to say "past the first one"
        turned = op("Slice", w, (-1, -1), (last, last), (2, 3), (-1, -1)).transpose(1, 0, 2, 3)
        return op("Conv", gy, turned, pads=(kh - 1 - pad[0], kw - 1 - pad[1]) * 2)
    covered = [(gy.shape[2 + i] - 1) * stride[i] - 2 * pad[i] + w.shape[2 + i] for i in (0, 1)]
    missed = [x.shape[2 + i] - covered[i] for i in (0, 1)]
    return op("ConvTranspose", gy, w, strides=stride, pads=(*pad, *pad), output_padding=missed)


def _conv2d_weights(gy: Value, x: Value, w: Value, stride: Pair, pad: Pair) -> Value:
    """One matrix product, over all images and places the kernel was at."""
    outputs, inputs, kh, kw = w.shape
    h, v = gy.shape[2:]
    padded = x.transpose(1, 0, 2, 3).pad(0, 0, *pad, 0, 0, *pad)
    rows = [slice(i, i + (h - 1) * stride[0] + 1, stride[0]) for i in range(kh)]
    columns = [slice(j, j + (v - 1) * stride[1] + 1, stride[1]) for j in range(kw)]
    seen = x.builder.concat([padded.slice((2, 3), r, c) for r in rows for c in columns], 0)
    patches = seen.reshape(kh * kw * inputs, -1)
    product = patches @ gy.transpose(0, 2, 3, 1).reshape(-1, outputs)
    return product.reshape(kh, kw, inputs, outputs).transpose(3, 2, 0, 1)


def linear(x: Value, w: Value, b: Value) -> tuple[Value, Pullback]:
    """``y = x w^T + b`` for ``x [n, d]``."""

    def pull(gy: Value) -> tuple[Value, ...]:
        return gy @ w, gy.transpose(1, 0) @ x, gy.sum(0)

    return x.builder.op("Gemm", x, w, b, transB=1), pull


def batch_norm(
    x: Value, w: Value, b: Value, mean: None, var: None, training: bool, *rest: Any
) -> tuple[Value, Pullback]:
    """Batch normalisation of ``x [n, c, h, w]`` by the statistics of the batch at hand."""
    if not training or mean is not None or var is not None:
        raise InputError("batch normalisation with running statistics cannot be meta-learned")
    centred = x - x.mean(*IMAGE, keep=True)
    scale = _inverse_root((centred * centred).mean(*IMAGE, keep=True) + rest[1])
    gain = w.reshape(-1, 1, 1) * scale

    def pull(gy: Value) -> tuple[Value, ...]:
        slope = (gy * centred).mean(*IMAGE, keep=True) * scale * scale
        gx = gain * (gy - gy.mean(*IMAGE, keep=True) - centred * slope)
        return gx, (gy * (centred * scale)).sum(*IMAGE), gy.sum(*IMAGE)

    return centred * gain + b.reshape(-1, 1, 1), pull


def group_norm(
    x: Value, groups: int, w: Value, b: Value, eps: float = 1e-5, *_: Any
) -> tuple[Value, Pullback]:
    """Normalisation of each image of ``x [n, c, h, w]`` by ``groups`` of its channels."""
    c, height, width = x.shape[1:]
    parts = x.reshape(-1, groups, c // groups * height * width)
    centred = parts - parts.mean(2, keep=True)
    scale = _inverse_root((centred * centred).mean(2, keep=True) + eps)
    normal, gain = centred * scale, w.reshape(-1, 1, 1)

    def pull(gy: Value) -> tuple[Value, ...]:
        g = (gy * gain).reshape(*parts.shape)
        along = normal * (g * normal).mean(2, keep=True)
        gx = (scale * (g - g.mean(2, keep=True) - along)).reshape(*x.shape)
        return gx, (gy * normal.reshape(*x.shape)).sum(*IMAGE), gy.sum(*IMAGE)

    return normal.reshape(*x.shape) * gain + b.reshape(-1, 1, 1), pull


def _inverse_root(value: Value) -> Value:
    op = value.builder.op
    return op("Reciprocal", op("Sqrt", value))


def relu(x: Value) -> tuple[Value, Pullback]:
    """``max(x, 0)``."""
    return x.builder.op("Relu", x), lambda gy: (gy * x.positive(),)


def leaky_relu(x: Value, slope: float = 0.01) -> tuple[Value, Pullback]:
    """``x`` where positive, else ``slope * x``; ONNX's own keeps its slope in float32."""

    def pull(gy: Value) -> tuple[Value, ...]:
        return (gy * (x.positive() * (1 - slope) + slope),)

    return x.builder.op("Max", x, x * slope), pull


def max_pool2d(
    x: Value,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    *rest: Any,
) -> tuple[Value, Pullback]:
    """The maximum of each window, windows side by side; of equal values the first one moves."""
    window = _pair(kernel)
    if _pair(stride or kernel) != window or any(padding) or rest:
        raise InputError("an overlapping or padded maximum has no gradient rule for export")
    y = x.builder.op("MaxPool", x, kernel_shape=window, strides=window)
    return y, lambda gy: (_max_pool2d_inputs(gy, x, y, window),)


def _max_pool2d_inputs(gy: Value, x: Value, y: Value, window: Pair) -> Value:
    (c, height, width), stack = x.shape[1:], x.builder.stack
    h, v = height // window[0], width // window[1]
    rows, left = [], gy
    for i in range(window[0]):
        row = []
        for j in range(window[1]):
            spans = slice(i, h * window[0], window[0]), slice(j, v * window[1], window[1])
            won = left * x.slice((2, 3), *spans).equals(y)
            left = left - won
            row.append(won)
        rows.append(stack(row, 4))
    gx = stack(rows, 3).reshape(-1, c, h * window[0], v * window[1])
    return gx.pad(0, 0, 0, 0, 0, 0, height - h * window[0], width - v * window[1])


def flatten(x: Value, start: int = 0, end: int = -1) -> tuple[Value, Pullback]:
    """``[n, ...]`` to ``[n, d]``."""
    if (start, end) != (1, -1):
        raise InputError("only flatten(1) has a gradient rule for export")
    return x.builder.op("Flatten", x, axis=1), lambda gy: (gy.reshape(*x.shape),)


def mean(x: Value, dims: Sequence[int], keepdim: bool = False) -> tuple[Value, Pullback]:
    """The mean over the last two dimensions of ``[n, c, h, w]``."""
    if len(x.shape) != 4 or [d % 4 for d in dims] != [2, 3]:
        raise InputError("only a mean over height and width has a gradient rule for export")
    _, c, height, width = x.shape

    def pull(gy: Value) -> tuple[Value, ...]:
        share = gy.reshape(-1, c, 1, 1) / (height * width)
        return (x.builder.op("Expand", share, (1, 1, height, width)),)

    return x.mean(2, 3, keep=keepdim), pull


def add(a: Value, b: Value) -> tuple[Value, Pullback]:
    """``a + b``, of one shape."""
    if a.shape != b.shape:
        raise InputError("a sum of different shapes has no gradient rule for export")
    return a + b, lambda gy: (gy, gy)


def multiply(a: Value, b: Value | float) -> tuple[Value, Pullback]:
    """``a b``, of one shape, or ``b`` a number."""
    if not isinstance(b, Value):
        return a * b, lambda gy: (gy * b,)
    if a.shape != b.shape:
        raise InputError("a product of different shapes has no gradient rule for export")
    return a * b, lambda gy: (gy * b, gy * a)


def sine(x: Value) -> tuple[Value, Pullback]:
    """``sin x``."""
    return x.builder.op("Sin", x), lambda gy: (gy * x.builder.op("Cos", x),)


def _pair(numbers: Sequence[int]) -> Pair:
    """One number for both directions, or one for each."""
    return (numbers[0], numbers[-1])


aten = torch.ops.aten
RULES: dict[Any, Rule] = {
    aten.conv2d.default: conv2d,
    aten.linear.default: linear,
    aten.batch_norm.default: batch_norm,
    aten.group_norm.default: group_norm,
    aten.relu.default: relu,
    aten.leaky_relu.default: leaky_relu,
    aten.max_pool2d.default: max_pool2d,
    aten.flatten.using_ints: flatten,
    aten.mean.dim: mean,
    aten.add.Tensor: add,
    aten.mul.Tensor: multiply,
    aten.sin.default: sine,
}
