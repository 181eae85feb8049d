"""The path's secants: what the student's steps reveal of the curvature that a leap skips.

Where every inner step sees the same batch and is plain gradient descent, consecutive steps
``d_j = s_{j+1} - s_j`` obey ``d_{j+1} = (I - alpha B_j) d_j``, with ``B_j`` the mean Hessian
between the two points. One symmetric ``M`` is fitted to all pairs and stands for a skipped step:

    a_j = d_j / |d_j|,   b_j = d_{j+1} / |d_j|                        columns of A and B, j = 0..k-2
    A'A = E diag(s) E';  P = A E s^-1/2                   on directions with s > CUT max(s) alone
    M   = P (W_il / (s_i + s_l)) P',   W = P' (B A' + A B') P    least squares over symmetric M
    M   = V diag(e) V',  e clipped to [0, 1]; signed: to [-1, 1]
    n skipped steps in a row:   v <- v + V (e^n - 1) V' v        the identity outside the span

A common factor of the steps cancels, so inner gradients serve as well as steps. Exact for a
quadratic inner loss of rank below k - 1; signed also where the inner rate times the curvature is
1 to 2. There a step overshoots: its factor is negative, and clipped to 0 it forgets on which side
an odd and an even number of steps end. This is the project's own; the dropped directions matter:
nearly collinear columns leave some that mean nothing and would be wiped out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from lazyleap.bilevel import Bilevel
from lazyleap.errors import InputError, nearest
from lazyleap.estimators import chance
from lazyleap.models.layout import flat, shaped
from lazyleap.traits import Needs, Trait
from lazyleap.trees import Tree

CUT = 1e-8  # of the largest eigenvalue of A'A; below it a direction is rounding
PIECE = 2**12  # numbers of a step at a time: what they are in float64 stays in a core's cache

Rest = Literal["identity", "secants", "signed_secants"]
"""What stands for the steps that a teacher leaps over."""

LEAST: Mapping[Rest, float] = {"secants": 0.0, "signed_secants": -1.0}
"""The least factor of a step in what each fits; not of the identity, which fits nothing."""

NEEDS: Needs = {
    Trait.ONE_BATCH: "rest 'secants' reads the curvature of one inner loss off the steps down it",
    Trait.DESCENT: "rest 'secants' takes the change from step to step for the loss's curvature",
}


@dataclass(frozen=True)
class Secants:
    """The fitted map of one skipped step, ``I + columns' mixing (factors - 1) mixing' columns``.

    Leading dimensions ``...`` are those of the tasks, none where a task is taught by itself.

    Attributes:
        columns: ``[..., k-1, N]``, the steps but the last, in the parameters' dtype.
        mixing: ``[..., k-1, k-1]``, float64; a zero column for a direction that was cut.
        factors: ``[..., k-1]``, float64: eigenvalues of ``M`` before clipping. One below 0 says
            that the inner rate times the curvature exceeds 1 there, and that no leap over an odd
            number of such steps keeps the gradient's sign.
        batch_dims: how many leading dimensions there are.
        low: what a factor is clipped to from below; from above it is 1.
    """

    columns: Tensor
    mixing: Tensor
    factors: Tensor
    batch_dims: int = 0
    low: float = 0.0

    @property
    def least(self) -> Tensor:
        """The smallest factor of each task, ``[...]``; 1 where nothing was fitted."""
        if not self.factors.shape[-1]:
            return self.factors.new_ones(self.factors.shape[:-1])
        return self.factors.amin(-1)

    def carry(self, v: Tree, steps: int) -> dict[str, Tensor]:
        """The cotangent ``v`` taken back over ``steps`` skipped steps.

        Cost: 2 (k-1) products of parameter length, no gradient.
        """
        if not steps or not self.factors.shape[-1]:
            return dict(v)
        change = self.factors.clamp(self.low, 1) ** steps - 1
        numbers = flat(v, self.batch_dims)
        seen = (self.columns @ numbers.unsqueeze(-1)).double()  # [..., k-1, 1]
        weights = self.mixing @ (change.unsqueeze(-1) * (self.mixing.mT @ seen))
        moved = numbers + (self.columns.mT @ weights.to(numbers.dtype)).squeeze(-1)
        return shaped(moved, v, self.batch_dims)


class Felt:
    """The steps of a path as they are taken, ``[..., k, N]``: k parameter sets of memory."""

    def __init__(self, problem: Bilevel, theta: Tree, start: Tree, horizon: int) -> None:
        self._batch_dims = getattr(problem, "batch_dims", 0)
        self._here, self._taken = flat(start, self._batch_dims), 0
        *tasks, numbers = self._here.shape
        self._steps = self._here.new_empty((*tasks, horizon, numbers))
        self._chance = chance.state(theta)

    def take(self, after: Tree) -> None:
        """The next step, and where it led."""
        there = flat(after, self._batch_dims)
        torch.sub(there, self._here, out=self._steps[..., self._taken, :])
        self._here, self._taken = there, self._taken + 1

    def fit(self, low: float) -> Secants:
        """The map of the path, once all of it was taken; ``low``: the least factor.

        Raises:
            InputError: if the steps drew by chance, each of another loss.
        """
        if chance.drawn(self._chance):
            raise InputError(
                "rest 'secants' reads the curvature of one inner loss off the steps down it, and "
                "here each step drew by chance (dropout): take rest 'identity', or draw nothing in "
                "the inner loop"
            )
        return fit(self._steps, self._batch_dims, low)


def check_rest(rest: Rest, lam: float) -> None:
    """Refuse what can stand for no skipped step.

    Raises:
        InputError: naming the value.
    """
    if rest not in get_args(Rest):
        raise InputError(f"rest '{rest}' is unknown; {nearest(rest, get_args(Rest))}")
    if rest in LEAST and lam < 1:
        raise InputError(f"lam {lam}: less than 1 does not go with rest '{rest}'")


def fit(steps: Tensor, batch_dims: int = 0, low: float = 0.0) -> Secants:
    """The map of a path from its steps ``[..., k, N]``, or from any multiple of them.

    Its factors are clipped to ``low``..1.

    Cost: k^2 inner products in float64 and eigenvalues of two matrices of k - 1 rows.
    """
    gram = _gram(steps)
    lengths = gram.diagonal(dim1=-2, dim2=-1)[..., :-1].sqrt()
    scale = torch.where(lengths > 0, 1 / lengths, 0.0)
    inner = gram[..., :-1, :-1] * scale.unsqueeze(-1) * scale.unsqueeze(-2)  # A'A
    cross = gram[..., :-1, 1:] * scale.unsqueeze(-1) * scale.unsqueeze(-2)  # A'B
    mixing, factors = _solve(inner, cross)
    return Secants(steps[..., :-1, :], scale.unsqueeze(-1) * mixing, factors, batch_dims, low)


def _gram(steps: Tensor) -> Tensor:
    """Inner products ``[..., k, k]`` of ``[..., k, N]``, accumulated in float64."""
    total = steps.new_zeros((*steps.shape[:-1], steps.shape[-2]), dtype=torch.float64)
    for part in steps.tensor_split(1 + steps.shape[-1] // PIECE, dim=-1):
        wide = part.double()
        total += wide @ wide.mT
    return total


def _solve(inner: Tensor, cross: Tensor) -> tuple[Tensor, Tensor]:
    """``mixing`` with ``P V = A mixing``, and the factors."""
    if not inner.shape[-1]:
        return inner, inner.diagonal(dim1=-2, dim2=-1)
    s, basis = torch.linalg.eigh(inner)
    kept = s > CUT * s.amax(-1, keepdim=True)
    root = torch.where(kept, s.clamp_min(torch.finfo(s.dtype).tiny).rsqrt(), 0.0)
    whiten = basis * root.unsqueeze(-2)  # P = A whiten
    half = whiten.mT @ cross @ basis * (root * s).unsqueeze(-2)  # P'B A'P
    both = kept.unsqueeze(-1) & kept.unsqueeze(-2)
    sums = torch.where(both, s.unsqueeze(-1) + s.unsqueeze(-2), 1.0)
    unit = torch.diag_embed((~kept).to(s.dtype))  # a cut direction: the identity
    factors, turn = torch.linalg.eigh(torch.where(both, (half + half.mT) / sums, 0.0) + unit)
    return whiten @ turn, factors
