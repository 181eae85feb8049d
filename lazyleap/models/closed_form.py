"""Convolution and batch normalisation whose second derivative is written down, not derived.

Autograd's own is a dozen passes over the activations for the norm, and for the convolution some
in the slow order of memory. Values and derivatives are the same to rounding. There is no third
derivative: asked for, it is refused; so is ``torch.func``, whose rules for these are not these.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

aten = torch.ops.aten
Pair = tuple[int, int]


def convolution(x: Tensor, w: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """``y = w * x`` for ``x [n, c, h, w]``, without bias, groups or dilation."""
    y: Tensor = cast(Any, _Convolution).apply(x, w, stride, padding)
    return y


def batch_norm(x: Tensor, g: Tensor, b: Tensor, eps: float) -> Tensor:
    """``y = g n + b`` with ``n = (x - mean) scale`` by the statistics of ``x [n, c, h, w]``."""
    y: Tensor = cast(Any, _BatchNorm).apply(x, g, b, eps)
    return y


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.sizes = stride, padding
        return torch.conv2d(x, w, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Any, ...]:
        inner = ctx.needs_input_grad[0]
        back = cast(Any, _ConvolutionBackward)
        return *back.apply(gy, *ctx.saved_tensors, ctx.sizes, inner), None, None


class _ConvolutionBackward(torch.autograd.Function):
    """``(gx, gw)`` from ``gy``; ``gx`` only where it is asked for (``inner``).

    With a, b the cotangents of gx, gw, what is differentiated is <a, gx> + <b, gw>, which is
    <gy, w * a + b * x>.
    """

    @staticmethod
    def forward(
        ctx: Any, gy: Tensor, x: Tensor, w: Tensor, sizes: tuple[Pair, Pair], inner: bool
    ) -> tuple[Any, Any]:
        ctx.save_for_backward(gy, x, w)
        ctx.sizes, ctx.inner = sizes, inner
        ctx.set_materialize_grads(False)
        return _transposed(gy, x, w, sizes, inner, True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, a: Tensor | None, b: Tensor | None) -> tuple[Any, ...]:
        gy, x, w = ctx.saved_tensors
        for_x, for_w = _asked(ctx, 1), _asked(ctx, 2)
        ggy = gx = gw = None
        if b is not None:
            ggy = torch.conv2d(x, b, None, *ctx.sizes)
            gx, _ = _transposed(gy, x, b, ctx.sizes, ctx.inner and for_x, False)
        if a is not None:
            more = torch.conv2d(a, w, None, *ctx.sizes)
            ggy = more if ggy is None else ggy.add_(more)
            _, gw = _transposed(gy, a, w, ctx.sizes, False, for_w)
        return ggy, gx, gw, None, None


def _asked(ctx: Any, place: int) -> bool:
    """Whether this backward pass goes on to what the tensor at ``place`` was computed from.

    ``ctx.needs_input_grad`` says what could be asked for; a pull onto example weights alone needs
    a third of that.
    """
    node = ctx.next_functions[place][0]
    if node is None:
        return False
    try:
        return bool(torch._C._will_engine_execute_node(node))
    except RuntimeError:  # of a leaf torch does not say
        return True


def _transposed(
    gy: Tensor, x: Tensor, w: Tensor, sizes: tuple[Pair, Pair], inner: bool, outer: bool
) -> tuple[Any, Any]:
    """``gx`` of ``w * x`` where ``inner``, ``gw`` where ``outer``; else None."""
    if not (inner or outer):
        return None, None
    mask = [inner, outer, False]
    found = aten.convolution_backward(gy, x, w, None, *sizes, (1, 1), False, (0, 0), 1, mask)
    return found[0], found[1]


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, g: Tensor, b: Tensor, eps: float) -> Tensor:
        y, mean, scale = torch.native_batch_norm(x, g, b, None, None, True, 0.0, eps)
        ctx.save_for_backward(x, g, mean, scale)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Any, ...]:
        return *cast(Any, _BatchNormBackward).apply(gy, *ctx.saved_tensors, ctx.eps), None


class _BatchNormBackward(torch.autograd.Function):
    """``(gx, gg, gb)`` from ``gy``: ``gx = g P gy``, ``gg = sum n gy``, ``gb = sum gy``.

    ``P v = scale (v - mean(v) - n mean(n v))`` is symmetric, and what carries a cotangent of n back
    to x. With A, B, C the cotangents of gx, gg, gb and N the numbers of a channel, what is
    differentiated is  <A, g P gy> + B sum n gy + C sum gy,  of which

        d / d gy = g P A + B n + C
        d / d g  = sum gy P A
        d / d x  = P (B gy - scale g (gg A + sum(n A) gy) / N) - scale g <gy, P A> n / N

    the last term being owed to ``d scale / d x = -scale^2 n / N``.
    """

    @staticmethod
    def forward(
        ctx: Any, gy: Tensor, x: Tensor, g: Tensor, mean: Tensor, scale: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        gx, gg, gb = _projected(gy, x, g, mean, scale, eps)
        ctx.save_for_backward(gy, x, g, mean, scale, gg)
        ctx.eps = eps
        return gx, gg, gb

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, A: Tensor, B: Tensor, C: Tensor) -> tuple[Any, ...]:
        gy, x, g, mean, scale, gg = ctx.saved_tensors
        one, size = torch.ones_like(g), x.numel() // len(g)
        PA, nA, _ = _projected(A, x, one, mean, scale, ctx.eps)
        dgy = torch.addcmul(_wide(C - B * scale * mean), x, _wide(B * scale))  # B n + C
        dgy.addcmul_(PA, _wide(g))
        if not (_asked(ctx, 1) or _asked(ctx, 2)):
            return dgy, None, None, None, None, None
        dg = (gy * PA).sum((0, 2, 3))
        share = scale * g / size
        n = (A * _wide(-share * gg)).addcmul_(gy, _wide(B - share * nA))
        dx, _, _ = _projected(n, x, one, mean, scale, ctx.eps)
        slope = -share * dg * scale
        dx.addcmul_(x, _wide(slope)).sub_(_wide(slope * mean))
        return dgy, dx, dg, None, None, None


def _projected(
    v: Tensor, x: Tensor, g: Tensor, mean: Tensor, scale: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """``g P v``, ``sum n v`` and ``sum v``."""
    found: tuple[Tensor, Tensor, Tensor] = aten.native_batch_norm_backward(
        v, x, g, None, None, mean, scale, True, eps, [True, True, True]
    )
    return found


def _wide(channels: Tensor) -> Tensor:
    """``[c]`` beside ``[n, c, h, w]``."""
    return channels.view(1, -1, 1, 1)
