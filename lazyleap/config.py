"""The frame of params.yaml; what its blocks may hold is said by the code that they name.

Nothing has a default here: a changed default in code would be no change of a parameter, and
nothing would be run again. What is optional overrides another key of the file.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from lazyleap.blocks import Block, Count, Folder, Fraction, Here, Name, Seed, Steps, Word
from lazyleap.classifiers.options import Classifier, Target


def _pair(given: Any) -> Any:
    """YAML has lists alone, and a strict tuple takes none."""
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise ValueError("each is [until, steps], a fraction and a number of inner steps")
    return tuple(given)


def _words(until: float, steps: int) -> str:
    return f"[{until:g}, {steps}]"


Blocks = dict[Word, dict[str, Any]]
Growth = Annotated[tuple[Fraction, Steps], BeforeValidator(_pair)]


class Run(Block):
    """One setting. Further keys override those of its algorithm's or its estimator's block.

    So does ``lr`` that of its task's training, where that has one: of a classifier in training.

    ``growth``: shorter horizons before ``horizon``, in order, each ``[until, steps]``: a fraction
    of the meta-iterations, and the inner steps up to there.
    """

    model_config = ConfigDict(extra="allow")

    task: Name
    algorithm: Word
    estimator: Word
    horizon: Steps
    seed: Seed
    meta_iterations: Annotated[int, Field(ge=0, le=10**9)] | None = None
    growth: Annotated[list[Growth], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _grows(self) -> Run:
        phases = [*(self.growth or []), (1.0, self.horizon)]
        for (until, steps), (later, more) in pairwise(phases):
            if until >= later or steps >= more:
                raise ValueError(
                    f"growth: {_words(until, steps)} comes before {_words(later, more)}: both the "
                    "fraction and the steps have to grow, up to the horizon"
                )
        return self

    @property
    def overrides(self) -> dict[str, Any]:
        """The further keys."""
        return dict(self.model_extra or {})


class Compared(Block):
    """Of a run, of task ``task``: how many validation ``tasks`` its gradients are compared on."""

    task: Name
    tasks: Count


DeviceName = Literal["auto", "cpu", "cuda"]


class Device(Block):
    """A device, and how a GPU rounds; by its name alone torch's own choice holds.

    ``tf32``: products and convolutions of float32 with ten bits of mantissa. ``deterministic``:
    the same bits in every run, slower; what has no such way is refused by torch.
    """

    name: DeviceName
    tf32: bool
    deterministic: bool


class Frame(Block):
    """All of a params.yaml.

    A block of ``algorithms`` or ``estimators`` is named as what it is for; under another name it
    says so by ``class``, as does one for a user's code (``package.module:Name``).
    """

    root: Folder
    here: Here
    grid: Name
    extensions: Folder
    threads: Annotated[int, Field(ge=1, le=1024)]
    device: Annotated[
        Annotated[DeviceName, Tag("name")] | Annotated[Device, Tag("block")],
        Discriminator(lambda given: "block" if isinstance(given, dict | Device) else "name"),
    ]
    tasks: dict[Name, dict[str, Any]]
    algorithms: Blocks
    estimators: Blocks
    surrogates: dict[Name, Classifier]
    targets: dict[Name, Target]
    fidelity: dict[Name, Compared]
    runs: Annotated[dict[Name, Run], Field(min_length=1)]
