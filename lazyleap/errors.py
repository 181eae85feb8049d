"""The errors a user is meant to read: one sentence with the place, the value and what is valid."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """What the user gave (params, data, checkpoint, model) cannot be used; the message says why."""


class DivergedError(RuntimeError):
    """Training left the numbers: a loss or a gradient is not finite."""


class OutOfTimeError(RuntimeError):
    """The time budget ended before the work did; what is done is kept and the next call goes on."""


def nearest(word: str, valid: Iterable[str]) -> str:
    """Words for a refusal: the nearest valid name, or all of them when none is near."""
    names = sorted(valid)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean '{close[0]}'?" if close else f"valid: {', '.join(names)}"


def short(value: object, most: int = 160) -> str:
    """A value or an error on one line of at most ``most`` characters, for a sentence."""
    words = " ".join(str(value).split()) or type(value).__name__
    return words if len(words) <= most else f"{words[:most]} ... ({len(words):,} characters)"
