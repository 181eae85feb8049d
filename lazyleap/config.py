"""The frame of params.yaml; what its blocks may hold is said by the code that they name.

Nothing has a default here: a changed default in code would be no change of a parameter, and
nothing would be run again. What is optional overrides another key of the file.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from lazyleap.blocks import Block, Folder, Here, Name, Seed, Steps, Word
from lazyleap.classifiers.options import Classifier, Target

Blocks = dict[Word, dict[str, Any]]


class Run(Block):
    """One setting. Further keys override those of its algorithm's or its estimator's block."""

    model_config = ConfigDict(extra="allow")

    task: Name
    algorithm: Word
    estimator: Word
    horizon: Steps
    seed: Seed
    meta_iterations: Annotated[int, Field(ge=0, le=10**9)] | None = None

    @property
    def overrides(self) -> dict[str, Any]:
        """The further keys."""
        return dict(self.model_extra or {})


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
    device: Literal["auto", "cpu", "cuda"]
    tasks: dict[Name, dict[str, Any]]
    algorithms: Blocks
    estimators: Blocks
    surrogates: dict[Name, Classifier]
    targets: dict[Name, Target]
    runs: Annotated[dict[Name, Run], Field(min_length=1)]
