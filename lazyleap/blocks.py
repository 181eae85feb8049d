"""What the blocks of params.yaml are made of: closed models, and numbers with their ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]  # a dot would split DVC's parameter path
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Width = Annotated[float, Field(gt=0, le=0.5)]  # of a finite difference, in pixels of 0..1


class Block(BaseModel):
    """A closed, frozen block of parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def merged(cls, given: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """What a block gives, with what a run changes; a block in it is merged likewise."""
        both = {
            key: {**given[key], **new} for key, new in changes.items() if _nested(given, key, new)
        }
        return {**given, **changes, **both}


def _nested(given: Mapping[str, Any], key: str, new: Any) -> bool:
    return isinstance(new, dict) and isinstance(given.get(key), dict)


class Empty(Block):
    """Nothing to choose."""


class Training(Block):
    """The budget of a training and what the loop does besides, in meta-iterations."""

    meta_iterations: Count
    validate_every: Count
    log_every: Count


class Source(Block):
    """What every reader of data needs: ``source``, the path its stage depends on."""

    source: Annotated[str, Field(min_length=1)]


class TaskOptions(Block):
    """What every kind of task has."""

    kind: str
    dataset: Source
    training: Training


class Outer(Block):
    """The optimiser of the meta-parameters."""

    optimizer: Literal["adam", "sgd"]
    lr: Rate
    schedule: Literal["constant", "cosine", "step"]
    clip_norm: Rate | None
