"""What the blocks of params.yaml are made of: closed models, and numbers with their ranges."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]  # a dot would split DVC's parameter path
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class Block(BaseModel):
    """A closed, frozen block of parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Outer(Block):
    """The optimiser of the meta-parameters."""

    optimizer: Literal["adam", "sgd"]
    lr: Rate
    schedule: Literal["constant", "cosine", "step"]
    clip_norm: Rate | None


class AlgorithmOptions(Block):
    """Inner rate (or where learned rates start) and momentum, and the outer optimiser."""

    inner_lr: Rate
    momentum: Momentum
    outer: Outer
