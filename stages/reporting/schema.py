"""What the report reads of the stages' JSON files; anything else in them is passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from lazyleap.attack.options import AttackTask
from lazyleap.settings import Setting

Number = Annotated[float, Field(allow_inf_nan=False)]
Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]

Count = Annotated[int, Field(ge=1)]


class Json(BaseModel):
    """What the report needs of a file; the stages may write more into it."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Score(Json):
    """A mean over ``n`` episodes or images and the half-width of its 95% interval; fractions."""

    value: Number
    ci95: Size
    n: Count


class Metrics(Json):
    """artifacts/evaluate/GRID/RUN/metrics.json."""

    task: str
    dataset: str
    algorithm: str
    estimator: str
    horizon: int
    seed: int
    leaps: int | None = None
    placement: str | list[int] | None = None
    lam: float | None = None
    weighted_step: str | None = None
    metrics: Mapping[str, Score]
    primary: str
    test_digest: str

    def asked(self, setting: Setting) -> dict[str, tuple[Any, Any]]:
        """What a setting asks for beside what is found here, by key; None: nothing to compare."""
        return {
            "task": (setting.task_name, self.task),
            "algorithm": (setting.algorithm, self.algorithm),
            "estimator": (setting.estimator, self.estimator),
            "horizon": (setting.horizon, self.horizon),
            "seed": (setting.seed, self.seed),
            "leaps": (setting.leaps, setting.leaps if self.leaps is None else self.leaps),
            "placement": (setting.placement, self.placement or setting.placement),
            "lam": (setting.lam, setting.lam if self.lam is None else self.lam),
            "weighted_step": (setting.weighted_step, self.weighted_step or setting.weighted_step),
        }


class Share(Json):
    """A share of ``n`` images, which may be none, and its interval; fractions."""

    value: Number
    ci95: Size
    n: Annotated[int, Field(ge=0)]


class LongTailMetrics(Metrics):
    """The same of a long-tailed run: by class, in the order of the labels."""

    classes: list[str]
    train_images: list[int]
    imbalance: float | None
    recall: list[Share]
    confusion: list[list[int]]
    calibration_error: Size


class Score95(Score):
    """A score that may say where its interval begins and ends, when that is not symmetric."""

    low: Number | None = None
    high: Number | None = None


class Denominators(Json):
    """Images looked at, those a target classifies correctly, and those attacked."""

    images: Count
    correct: Count
    attacked: Count


class Attacked(Json):
    """A target: ``architecture`` is None for a user's own."""

    kind: str
    architecture: str | None = None
    accuracy: Share


class AttackMetrics(Metrics):
    """The same of an attack: over all targets, and by target as ``METRIC@TARGET``."""

    metrics: Mapping[str, Score95]
    goal: str
    norm: str
    epsilon: Size
    budget: Count
    denominators: dict[str, Denominators]
    targets: dict[str, Attacked]

    def asked(self, setting: Setting) -> dict[str, tuple[Any, Any]]:
        """The same and what was attacked, within which limits."""
        assert isinstance(setting.task, AttackTask)
        test = setting.task.test
        own = {key: (getattr(test, key), getattr(self, key)) for key in _LIMITS}
        targets = (", ".join(sorted(setting.targets)), ", ".join(sorted(self.targets)))
        return super().asked(setting) | own | {"targets": targets}


_LIMITS = ("goal", "norm", "epsilon", "budget")


class Surrogate(Json):
    """What the report needs of a surrogate's classifier.json."""

    architecture: str
    accuracy: Share
    accuracy_of: str


METRICS: dict[str, type[Metrics]] = {"longtail": LongTailMetrics, "attack": AttackMetrics}
"""What is read of a kind's metrics.json beyond :class:`Metrics`."""


class Record(Json):
    """artifacts/record/GRID/RUN/record.json; times in seconds, memory in MiB."""

    meta_iterations: int
    train_cpu_seconds: Size
    train_wall_seconds: Size
    peak_memory_mib: Size
    device: str
    hardware: Any = None
    python: str | None = None
    torch: str | None = None
    threads: int | None = None
    commit: str | None = None
    dirty: bool | None = None
    resumed: bool | int | None = None
    command: str | list[str] | None = None
    best_iteration: int | None = None
    best_validation: Number | None = None
    finished: str | None = None


class Parity(Json):
    """artifacts/export/GRID/RUN/parity.json."""

    max_abs_diff: Size
    tolerance: Size
    ok: bool
