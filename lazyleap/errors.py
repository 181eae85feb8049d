"""The errors a user is meant to read: one sentence with the place, the value and what is valid."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral

LONGEST = 300  # characters of a name that are looked at for a near one
SENTENCE = 1000  # characters of an error, whatever value it is about


class InputError(ValueError):
    """What the user gave (params, data, checkpoint, model) cannot be used; the message says why."""


class DiskError(RuntimeError):
    """A result cannot be stored: the disk is full, read-only or fails; what was stored is kept."""


class DivergedError(RuntimeError):
    """Training left the numbers: a loss or a gradient is not finite."""


class OutOfTimeError(RuntimeError):
    """The time budget ended before the work did; what is done is kept and the next call goes on."""


def nearest(word: str, valid: Iterable[str]) -> str:
    """Words for a refusal: the nearest valid name, or all of them when none is near.

    Never the word itself, which may be valid elsewhere.
    """
    names = sorted({*valid} - {word})
    close = difflib.get_close_matches(word[:LONGEST], names, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"valid: {short(', '.join(names), SENTENCE)}" if names else "there is none"


def short(value: object, most: int = 160) -> str:
    """A value or an error on one line of at most ``most`` characters, for a sentence."""
    words = " ".join(str(value).split()) or type(value).__name__
    return words if len(words) <= most else f"{words[:most]} ... ({len(words):,} characters)"


def shown(value: object) -> str:
    """A value as Python writes it, short and on one line."""
    return short(repr(value))


def check_names(given: Iterable[str], wanted: Iterable[str], what: str) -> None:
    """Refuse a theta whose names are not those wanted.

    Raises:
        InputError: naming the first that is not ``what``, with the nearest; else one that is
            missing.
    """
    known, found = list(wanted), set(given)
    for name in given:
        if name not in known:
            raise InputError(f"theta['{name}'] is no {what}; {nearest(name, known)}")
    if missing := [name for name in known if name not in found]:
        raise InputError(f"theta has no '{missing[0]}', a {what}")


def check_number(
    key: str, value: object, *, least: float = 0.0, below: float = math.inf, closed: bool = False
) -> None:
    """Refuse what is no number above ``least`` (or ``least`` itself: ``closed``) and ``below``.

    Raises:
        InputError: with the key, the value and the range.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not (least < number < below or (closed and number == least)):
        until = "" if below == math.inf else f" and below {below:g}"
        start = f"from {least:g}" if closed else f"above {least:g}"
        raise InputError(f"{key} {value}: wants a finite number {start}{until}")


def check_count(key: str, value: object) -> None:
    """Refuse what is no whole number from 1.

    Raises:
        InputError: with the key and the value.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InputError(f"{key} {value}: wants a whole number from 1")
