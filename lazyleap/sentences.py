"""pydantic's errors as one sentence each: the key, the value and what is valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lazyleap.blocks import Block
from lazyleap.errors import InputError, nearest, short

Model = TypeVar("Model", bound=Block)
ABSENT = ("missing", "extra_forbidden")  # mistakes of a key that is not there, or not known


def parse(model: type[Model], given: Any, where: str = "") -> Model:
    """``given`` as a ``model``; ``where`` is its key in the file.

    Raises:
        InputError: the first mistake, with its whole key.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(sentence(first, [*filter(None, [where]), *keys(first, given)])) from error


def mistakes(model: type[Block], given: Any) -> list[ErrorDetails]:
    """All that is wrong with ``given``; nothing is raised."""
    try:
        model.model_validate(given)
    except ValidationError as error:
        return error.errors()
    return []


def keys(mistake: ErrorDetails, given: Any) -> list[str]:
    """Where in ``given`` a mistake is, as the file has it; pydantic names unions' members, too."""
    found, last = [], len(mistake["loc"]) - 1
    for i, part in enumerate(mistake["loc"]):
        if _within(part, given):
            given = given[part]
        elif part != "[key]" and (i < last or mistake["type"] not in ABSENT):
            continue
        found.append(str(part))
    return found


def _within(part: int | str, given: Any) -> bool:
    if isinstance(given, list):
        return isinstance(part, int)
    return isinstance(given, Mapping) and part in given


def sentence(mistake: ErrorDetails, place: list[str]) -> str:
    """One mistake at ``place``: its key, the value, and what is valid."""
    key, value, message = ".".join(place), mistake["input"], mistake["msg"]
    if mistake["type"] == "extra_forbidden":
        return f"{key}: unknown key; {nearest(place[-1], known() - {place[-1]})}"
    if mistake["type"] == "missing":
        return f"{key}: is missing"
    if place[-1:] == ["[key]"]:
        return f"{'.'.join(place[:-2])}: name '{value}' may hold only a-z, 0-9 and -"
    if mistake["type"] == "value_error":
        return f"{key}: {message.removeprefix('Value error, ')}"
    message = message[:1].lower() + message[1:]
    if mistake["type"].startswith("union_tag"):
        return f"{key}: {message}"
    shown = type(value).__name__ if isinstance(value, dict | list) else repr(value)
    return f"{key}: {message}, not {short(shown)}"


@contextmanager
def prefixed(where: object) -> Iterator[None]:
    """Put where it happened before the words of an InputError."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def known() -> frozenset[str]:
    """Every key of every schema in use, for the nearest valid one."""
    found: set[str] = set()
    queue: list[type[BaseModel]] = [BaseModel]
    while queue:
        for sub in queue.pop().__subclasses__():
            if not sub.__module__.startswith(("pydantic", "prefect", "fastapi")):
                found.update(sub.model_fields)
            queue.append(sub)
    return frozenset(found)
