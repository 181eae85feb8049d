"""Records: JSON files that a program wrote and another reads, checked when they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lazyleap import bounded
from lazyleap.errors import InputError, short, shown

Number = Annotated[float, Field(allow_inf_nan=False)]
Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Numbers = Annotated[list[Number], Field(max_length=100)]
Pixels = Annotated[int, Field(ge=0, le=2**14)]  # a side of an image; none where there are no images


class Record(BaseModel):
    """What a record must have; it may have more. ``true`` is no number, ``2.0`` no whole one."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class Image(Record):
    """What images look like."""

    channels: Annotated[int, Field(ge=0, le=1024)]
    height: Pixels
    width: Pixels


class Score(Record):
    """A metric with its interval; fractions of 1."""

    value: Number
    ci95: Size | None = None
    low: float | None = None
    high: float | None = None
    n: Annotated[int, Field(ge=0)] | None = None


class Metrics(Record):
    """What every metrics.json has; the rest is its kind's own."""

    dataset: str
    metrics: dict[str, Score]
    primary: str
    test_digest: str

    @model_validator(mode="after")
    def _primary_is_there(self) -> Metrics:
        if self.primary not in self.metrics:
            raise ValueError(f"primary: '{short(self.primary)}' is not in its metrics")
        return self


def read(
    path: Path, model: type[Record] = Record, hint: str = "", *, finite: bool = True
) -> dict[str, Any]:
    """A record that is as ``model`` says; ``finite``: none of its numbers is NaN or an infinity.

    Raises:
        InputError: in one sentence, with the file, the key and ``hint``, if it is not.
    """
    more = f"; {hint}" if hint else ""
    try:
        written = bounded.text(path)
        found = json.loads(written, parse_constant=_refuse if finite else None)
        model.model_validate(found)
    except InputError as error:
        raise InputError(f"{error}{more}") from error
    except ValidationError as error:
        raise InputError(f"{path}: {_sentence(error)}{more}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not usable JSON ({short(error)}){more}") from error
    known: dict[str, Any] = found
    return known


def _refuse(constant: str) -> None:
    raise ValueError(f"holds {constant}, which is no number")


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"lacks {where}"
    return f"{short(where)}: {first['msg']}, got {shown(first['input'])}".removeprefix(": ")
