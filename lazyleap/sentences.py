"""pydantic's errors as one sentence each: the key, the value and what is valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lazyleap.blocks import FORMS, Block
from lazyleap.errors import SENTENCE, InputError, nearest, short, shown

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
        found = error.errors()
        mistake, valid = worst(found)
        place = [*filter(None, [where]), *keys(mistake, given)]
        raise InputError(sentence(mistake, place, valid)) from error


def mistakes(model: type[Block], given: Any) -> list[ErrorDetails]:
    """All that is wrong with ``given``; nothing is raised."""
    try:
        model.model_validate(given)
    except ValidationError as error:
        return error.errors()
    return []


def worst(found: Sequence[ErrorDetails]) -> tuple[ErrorDetails, frozenset[str]]:
    """The mistake to name, and the keys that are missing where it is.

    An unknown key before all others: what is missing is mostly what it should have been.
    """
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    beside = [one["loc"] for one in found if one["type"] == "missing"]
    return first, frozenset(str(loc[-1]) for loc in beside if loc[:-1] == first["loc"][:-1])


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


def sentence(mistake: ErrorDetails, place: list[str], missing: frozenset[str] = frozenset()) -> str:
    """One mistake at ``place``: its key, the value, and what is valid.

    ``missing``: keys that should be where an unknown one is.
    """
    key, value, message = ".".join(map(short, place)), mistake["input"], mistake["msg"]
    if mistake["type"] == "extra_forbidden":
        return f"{key}: unknown key{_instead(place[-1], missing)}"
    if mistake["type"] == "missing":
        return f"{key}: is missing"
    if place[-1:] == ["[key]"]:
        return f"{'.'.join(place[:-2])}: name {shown(value)}: {_form(mistake)}"
    if mistake["type"].startswith("string_"):
        return f"{key}: {_form(mistake)}, not {shown(value)}"
    if mistake["type"] == "value_error":
        return f"{key}: {message.removeprefix('Value error, ')}"
    if mistake["type"].startswith("union_tag"):
        named, valid = (mistake["ctx"].get(of) for of in ("tag", "expected_tags"))
        return f"{key}: {shown(named)} is none of {valid}" if named else f"{key}: {_small(message)}"
    found = type(value).__name__ if isinstance(value, dict | list) else shown(value)
    return f"{key}: {_small(message)}, not {found}"


def _instead(key: str, missing: frozenset[str]) -> str:
    """What an unknown key may have been meant to be."""
    for names in (missing, known()):
        if (words := nearest(key, names)).startswith("did"):
            return f"; {words}"
    return f"; missing: {', '.join(sorted(missing))}" if missing else ""


def _form(mistake: ErrorDetails) -> str:
    """What a word must look like, in words."""
    wanted = mistake.get("ctx", {}).get("pattern", "")
    return FORMS.get(wanted, _small(mistake["msg"]))


def _small(message: str) -> str:
    return message[:1].lower() + message[1:]


@contextmanager
def prefixed(where: object) -> Iterator[None]:
    """Put where it happened before the words of an InputError."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {short(error, SENTENCE)}") from error


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
