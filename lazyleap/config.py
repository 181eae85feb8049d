"""The closed, typed schema of params.yaml; :mod:`lazyleap.settings` reads and resolves it.

Nothing has a default here: a changed default in code would be no change of a parameter, and
nothing would be run anew. What is optional is what overrides another key of the file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lazyleap.attack.options import (
    AttackBaseline,
    AttackTask,
    MetaAttackOptions,
    RandomDirectionOptions,
    SquareOptions,
    ZooOptions,
)
from lazyleap.blocks import AlgorithmOptions, Block, Count, Name, Rate, Seed
from lazyleap.classifiers.options import Classifier, Target
from lazyleap.fewshot.options import FewShotTask
from lazyleap.longtail.options import (
    BaselineOptions,
    ClassBalancedOptions,
    LdamOptions,
    LongTailTask,
    ReweightOptions,
    WeightingOptions,
    WeightNetOptions,
)

TaskOptions = Annotated[FewShotTask | LongTailTask | AttackTask, Field(discriminator="kind")]


AnyAlgorithm = AlgorithmOptions | WeightingOptions | BaselineOptions | AttackBaseline


class Algorithms(Block):
    """One block an algorithm; only those that runs name need be there."""

    maml: AlgorithmOptions | None = None
    meta_sgd: AlgorithmOptions | None = None
    anil: AlgorithmOptions | None = None
    reweight: ReweightOptions | None = None
    weight_net: WeightNetOptions | None = None
    cross_entropy: BaselineOptions | None = None
    class_balanced: ClassBalancedOptions | None = None
    ldam_drw: LdamOptions | None = None
    meta_attack: MetaAttackOptions | None = None
    zoo: ZooOptions | None = None
    square: SquareOptions | None = None
    random_direction: RandomDirectionOptions | None = None


class Empty(Block):
    """An estimator without knobs."""


class LazyOptions(Block):
    """``leaps``: steps in the graph (m); ``lam``: how far a leap goes."""

    leaps: Count
    lam: float


class ImplicitOptions(Block):
    """``rho``: weight of the proximal term; ``cg_steps``: conjugate-gradient iterations."""

    rho: Rate
    cg_steps: Count


class Estimators(Block):
    """One block an estimator."""

    first_order: Empty | None = None
    lazy: LazyOptions | None = None
    exact: Empty | None = None
    unrolled: Empty | None = None
    reptile: Empty | None = None
    implicit: ImplicitOptions | None = None
    none: Empty | None = None


class Run(Block):
    """One setting; what is optional overrides the task's, the algorithm's or the estimator's."""

    task: str
    algorithm: str
    estimator: str
    horizon: Count
    seed: Seed
    placement: Literal["start", "end", "tail"] | list[int] | None = None
    leaps: Count | None = None
    lam: float | None = None
    weighted_step: Literal["last", "first"] | None = None
    inner_lr: Rate | None = None
    meta_iterations: Annotated[int, Field(ge=0)] | None = None


class Settings(Block):
    """All of a params.yaml."""

    root: str
    here: str
    grid: Name
    extensions: str
    threads: Count
    device: Literal["auto", "cpu", "cuda"]
    tasks: dict[Name, TaskOptions]
    algorithms: Algorithms
    estimators: Estimators
    surrogates: dict[Name, Classifier]
    targets: dict[Name, Target]
    runs: Annotated[dict[Name, Run], Field(min_length=1)]
