"""Where along the path the outer loss is taken: at its end, or at several points of it.

Listening at points ``l_1 < .. < l_m = k`` splits the outer batch over them: the i-th point hears
every m-th example from the i-th on, and

    outer loss = 1/m sum_i outer_loss(phi_{l_i}, theta, share_i)

So theta learns to be good early and late, for the cost of one outer gradient: a share's cotangent
joins the others where it was heard. Under batch normalisation the examples of a share see each
other alone. So the order of the examples matters: of one that means something, as the pixels of a
picture row by row, a share is a pattern and no sample. This is the project's own.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from torch import Tensor

from lazyleap.bilevel import Batch, Bilevel
from lazyleap.blocks import Block, Steps
from lazyleap.errors import InputError
from lazyleap.trees import Tree

Listen = Literal["end"] | Sequence[int]
"""``end``, or the points themselves: how many inner steps lie before each, rising to k."""


class ListenOptions(Block):
    """``listen``: where the outer loss is taken, ``end`` or points of the path."""

    listen: Literal["end"] | list[Steps]


@dataclass(frozen=True, kw_only=True)
class Listener:
    """What every estimator that listens has: ``listen``, checked when it is made."""

    listen: Listen = "end"

    def __post_init__(self) -> None:
        check_listen(self.listen)

    def points(self, horizon: int) -> tuple[int, ...]:
        """Where it listens; InputError where that does not fit the horizon."""
        return points(self.listen, horizon)

    def reach(self, horizon: int) -> None:
        """Refuse points beyond the longest path there is, which :func:`points` would shorten.

        Raises:
            InputError: naming both.
        """
        if self.listen != "end" and _whole(self.listen)[-1] > horizon:
            raise _no_end(self.listen, horizon)


class Share(NamedTuple):
    """The outer loss that is taken at one point of the path, and its weight in the whole."""

    batch: Any
    parts: int = 1

    def loss(self, problem: Bilevel, phi: Tree, theta: Tree) -> Tensor:
        """Its part of the outer loss."""
        whole = problem.outer_loss(phi, theta, self.batch)
        return whole if self.parts == 1 else whole / self.parts


def check_listen(listen: Listen) -> None:
    """Refuse what fits no horizon.

    Raises:
        InputError: naming the value.
    """
    if listen != "end":
        points(listen, _whole(listen)[-1])


def points(listen: Listen, horizon: int) -> tuple[int, ...]:
    """The points of a path of ``horizon`` steps at which the outer loss is taken.

    A path that is shorter, as while a horizon grows, is heard at its end for all points beyond it.

    Raises:
        InputError: unless they rise from 1 or more to the horizon: a step after the last of them
            would be heard by nobody.
    """
    if listen == "end":
        return (horizon,)
    found = _whole(listen)
    if found != sorted(set(found)) or found[0] < 1:
        raise InputError(f"listen {found}: wants 'end' or points of the path that rise from 1")
    if found[-1] < horizon:
        raise _no_end(found, horizon)
    return tuple(sorted({min(point, horizon) for point in found}))


def _no_end(found: Sequence[int] | str, horizon: int) -> InputError:
    return InputError(f"listen {found}: the last point is the end of the path, horizon = {horizon}")


def _whole(listen: Listen) -> list[int]:
    wrong = InputError(f"listen {listen}: wants 'end' or points of the path, such as [3, 10]")
    whole: list[Any] = (
        [] if isinstance(listen, str) or not isinstance(listen, Sequence) else [*listen]
    )
    if not whole:
        raise wrong
    try:
        return [operator.index(point) for point in whole]
    except TypeError:
        raise wrong from None


def shares(problem: Bilevel, batch: Any, at: Sequence[int]) -> dict[int, Share]:
    """The part of an outer batch that is heard at each point.

    Of a :class:`lazyleap.Batch` every m-th example, after the problem's ``batch_dims`` leading
    dimensions; another kind of batch says itself what its ``share(i, m)`` is.

    Raises:
        InputError: if it cannot be split, or has fewer examples than there are points.
    """
    if len(at) == 1:
        return {at[0]: Share(batch)}
    dims = getattr(problem, "batch_dims", 0)
    return {point: Share(_share(batch, i, len(at), dims), len(at)) for i, point in enumerate(at)}


def _share(batch: Any, i: int, m: int, dims: int) -> Any:
    if callable(own := getattr(batch, "share", None)):
        return own(i, m)
    if isinstance(batch, Batch):
        return Batch(*(_every(part, i, m, dims) for part in batch))
    raise InputError(
        f"listening at {m} points splits the outer batch, and a {type(batch).__name__} cannot be "
        "split: give it share(i, m), or listen at the end alone"
    )


def _every(part: Any, i: int, m: int, dims: int) -> Any:
    """Every m-th example from the i-th on, of a tensor or of each in a tuple, a list or a dict."""
    if isinstance(part, Mapping):
        return {key: _every(one, i, m, dims) for key, one in part.items()}
    if isinstance(part, tuple | list):
        return type(part)(_every(one, i, m, dims) for one in part)
    if not isinstance(part, Tensor) or part.ndim <= dims:
        raise InputError(
            f"listening at {m} points splits the outer batch, and its {type(part).__name__} has "
            "no examples to split: listen at the end alone"
        )
    if part.shape[dims] < m:
        raise InputError(
            f"listening at {m} points splits the outer batch, which has {part.shape[dims]} examples"
        )
    return part[(*[slice(None)] * dims, slice(i, None, m))]
