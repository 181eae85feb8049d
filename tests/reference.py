"""Slow float64 oracles, written out from the definitions with torch.func; nothing of lazyleap's.

Stop-gradient is not an operation here: what it stops (displacements, directions) is computed first,
as numbers, and then the program is a plain function of theta with those numbers in it. So its
derivative may be taken by reverse mode (:func:`gradient`) or by :func:`finite_differences`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

Params = dict[str, Tensor]
State = tuple[Params, Params]  # parameters and momentum buffers, these always


@dataclass(frozen=True)
class Plain:
    """MAML, Meta-SGD and ANIL with heavy-ball momentum, and iMAML's proximal term (``rho``)."""

    algorithm: str
    network: Callable[[Any, Tensor], Tensor]
    loss: Callable[[Tensor, Tensor], Tensor]
    rate: float
    momentum: float = 0.0
    rho: float = 0.0

    def start(self, theta: Params) -> Params:
        if self.algorithm == "meta_sgd":
            return {n[5:]: p for n, p in theta.items() if n[:5] == "init/"}
        if self.algorithm == "anil":
            return {n: p for n, p in theta.items() if n[:5] == "head."}
        return dict(theta)

    def init(self, theta: Params) -> State:
        start = self.start(theta)
        return start, {n: 0 * p.detach() for n, p in start.items()}

    def risk(self, p: Params, theta: Params, batch: Any) -> Tensor:
        whole = {**theta, **p} if self.algorithm == "anil" else p
        return self.loss(self.network(whole, batch.inputs), batch.targets)

    def inner_loss(self, p: Params, theta: Params, batch: Any) -> Tensor:
        start = self.start(theta)
        away = sum(((p[n] - start[n]) ** 2).sum() for n in p)
        return self.risk(p, theta, batch) + self.rho / 2 * away

    def direction(self, state: State, theta: Params, batch: Any) -> Params:
        return torch.func.grad(self.inner_loss)(state[0], theta, batch)

    def update(self, state: State, g: Params, theta: Params) -> State:
        p, b = state
        b = {n: self.momentum * b[n] + g[n] for n in p}
        rate = {n: theta["rate/" + n] if self.algorithm == "meta_sgd" else self.rate for n in p}
        return {n: p[n] - rate[n] * b[n] for n in p}, b

    def step(self, state: State, theta: Params, batch: Any) -> State:
        return self.update(state, self.direction(state, theta, batch), theta)


def shift(a: State, b: State, scale: float = 1.0) -> State:
    """``a + scale * b``."""
    return tuple({n: x[n] + scale * y[n] for n in x} for x, y in zip(a, b, strict=True))


def path(plain: Plain, theta: Params, batches: Sequence[Any]) -> list[State]:
    """s_0, ..., s_k."""
    states = [plain.init(theta)]
    for batch in batches:
        states.append(plain.step(states[-1], theta, batch))
    return states


def end(plain: Plain, theta: Params, task: Any) -> Params:
    return path(plain, theta, task.inner)[-1][0]


def unrolled(plain: Plain, task: Any) -> Callable[[Params], Tensor]:
    """The outer loss as a function of theta, every step in it."""
    return lambda theta: plain.risk(end(plain, theta, task), theta, task.outer)


def taught(
    plain: Plain, theta0: Params, task: Any, steps: Sequence[int], lam: float = 1.0
) -> Callable[[Params], Tensor]:
    """``phi <- phi + lam sg[s_j - phi]; phi <- step(phi)`` for j in steps, then on to s_k.

    The displacements are those at ``theta0``; at ``lam < 1`` the last step must be among ``steps``.
    """
    s, k = path(plain, theta0, task.inner), len(task.inner)
    phi, leaps = s[0], []
    for j in steps:
        leaps.append(shift(s[j], phi, -1.0))
        phi = plain.step(shift(phi, leaps[-1], lam), theta0, task.inner[j])
    last = shift(s[k], phi, -1.0) if lam == 1 else None
    assert lam == 1 or steps[-1] == k - 1

    def outer(theta: Params) -> Tensor:
        phi = plain.init(theta)
        for j, leap in zip(steps, leaps, strict=True):
            phi = plain.step(shift(phi, leap, lam), theta, task.inner[j])
        phi = shift(phi, last) if last else phi
        return plain.risk(phi[0], theta, task.outer)

    return outer


def held(plain: Plain, theta0: Params, task: Any) -> Callable[[Params], Tensor]:
    """All k updates, along the directions found at ``theta0``."""
    s = path(plain, theta0, task.inner)
    directions = [plain.direction(s[j], theta0, batch) for j, batch in enumerate(task.inner)]

    def outer(theta: Params) -> Tensor:
        phi = plain.init(theta)
        for g in directions:
            phi = plain.update(phi, g, theta)
        return plain.risk(phi[0], theta, task.outer)

    return outer


def implicit(plain: Plain, theta: Params, task: Any, rho: float) -> Params:
    """``d outer / d theta - (d outer / d phi) (H + rho I)^-1 dF / d theta``, all dense."""
    plain = replace(plain, rho=rho)
    phi, batch = end(plain, theta, task), task.inner[0]
    p, t = flatten(phi), flatten(theta)

    def stationary(p: Tensor, t: Tensor) -> Tensor:
        state, there = (unflatten(p, phi), {}), unflatten(t, theta)
        return flatten(plain.direction(state, there, batch))

    def outer(p: Tensor, t: Tensor) -> Tensor:
        return plain.risk(unflatten(p, phi), unflatten(t, theta), task.outer)

    v, direct = torch.func.grad(outer, argnums=(0, 1))(p, t)
    dp, dt = torch.func.jacrev(stationary, argnums=(0, 1))(p, t)
    return unflatten(direct - torch.linalg.solve(dp.T, v) @ dt, theta)


def gradient(function: Callable[[Params], Tensor], theta: Params) -> Params:
    """Reverse mode by torch.func."""
    return torch.func.jacrev(function)(theta)


def finite_differences(
    function: Callable[[Params], Tensor], theta: Params, h: float = 1e-5
) -> Params:
    """Central differences, coordinate by coordinate; error about h^2."""
    flat = flatten(theta)
    found = torch.zeros_like(flat)
    for i, e in enumerate(torch.eye(len(flat), dtype=flat.dtype)):
        up, down = (function(unflatten(flat + s * h * e, theta)) for s in (1, -1))
        found[i] = (up - down) / (2 * h)
    return unflatten(found, theta)


def mean(trees: Sequence[Params]) -> Params:
    return {n: torch.stack([tree[n] for tree in trees]).mean(0) for n in trees[0]}


def flatten(tree: Params) -> Tensor:
    return torch.cat([p.reshape(-1) for p in tree.values()])


def unflatten(flat: Tensor, like: Params) -> Params:
    parts = flat.split([p.numel() for p in like.values()])
    return {n: part.view(p.shape) for part, (n, p) in zip(parts, like.items(), strict=True)}


def assert_same(found: Any, expected: Any, *, rtol: float = 1e-9, atol: float = 1e-11) -> None:
    """Equal trees: the same names, and the same numbers, scale included."""
    assert set(found) == set(expected)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=rtol, atol=atol, msg=name)
