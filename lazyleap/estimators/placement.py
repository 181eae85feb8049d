"""Which of the student's steps the teacher takes. Pure integers: no torch here."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from lazyleap.errors import InputError, check_count, nearest

Placement = str | Sequence[int]
"""``start``, ``end``, ``tail``, or the steps themselves."""

PLACES = ("start", "end", "tail")


def teacher_steps(
    horizon: int, leaps: int, placement: Placement, lam: float = 1.0
) -> tuple[int, ...]:
    """The steps, of 0..k-1, that the teacher takes in the graph; it leaps over the others.

    ``start`` spreads them from the first step on, ``end`` up to the last; ``tail`` is the last
    ``leaps`` of them; a list names them itself and then ``leaps`` must be its length.

    Raises:
        InputError: if the steps are not ``leaps`` distinct ones of the horizon, or if ``lam < 1``
            goes with anything but one leap before the last step.
    """
    check_leaps(leaps, placement, lam)
    if horizon < 1:
        raise InputError(f"horizon {horizon}: the student needs at least one inner step")
    if leaps > horizon:
        raise InputError(
            f"leaps {leaps}: the teacher takes between 1 and horizon = {horizon} steps"
        )
    return _place(horizon, leaps, placement)


def check_leaps(leaps: int, placement: Placement, lam: float) -> None:
    """Refuse what fits no horizon.

    Raises:
        InputError: naming the value.
    """
    check_count("leaps", leaps)
    if not 0 < lam <= 1:
        raise InputError(f"lam {lam}: a leap goes a fraction of the way, 0 < lam <= 1")
    if lam < 1 and (leaps != 1 or placement != "end"):
        raise InputError(f"lam {lam}: less than 1 goes with leaps 1 and placement 'end' only")
    if not isinstance(placement, str):
        return _check_steps(leaps, placement)
    if placement not in PLACES:
        raise InputError(f"placement '{placement}' is unknown; {nearest(placement, PLACES)}")
    return None


def _check_steps(leaps: int, steps: Sequence[int]) -> None:
    try:
        whole = list(map(operator.index, steps))
    except TypeError:
        raise InputError(f"placement {steps}: wants {', '.join(PLACES)} or steps") from None
    _listed(max(whole, default=0) + 1, leaps, tuple(whole))


def _place(k: int, m: int, placement: Placement) -> tuple[int, ...]:
    if not isinstance(placement, str):
        return _listed(k, m, tuple(placement))
    if placement == "start":
        return tuple(i * k // m for i in range(m))
    if placement == "end":
        return tuple(-(-i * k // m) - 1 for i in range(1, m + 1))
    return tuple(range(k - m, k))


def _listed(k: int, m: int, steps: tuple[int, ...]) -> tuple[int, ...]:
    if len(steps) != m or list(steps) != sorted(set(steps)) or steps[0] < 0 or steps[-1] >= k:
        raise InputError(f"placement {list(steps)}: wants {m} (leaps) rising steps of 0..{k - 1}")
    return steps


def with_taught(steps: Sequence[int], taught: Sequence[int], lam: float = 1.0) -> tuple[int, ...]:
    """The teacher's steps and those that a problem wants it to take besides (``taught``).

    Raises:
        InputError: if ``lam < 1`` and that makes more than the one step it goes with.
    """
    if lam < 1 and not set(taught) <= set(steps):
        raise InputError(
            f"lam {lam}: less than 1 goes with one step of the teacher, the last, and here it must "
            f"take {', '.join(map(str, taught))} as well (an example weighting's weighted_step)"
        )
    return tuple(sorted({*steps, *taught}))
