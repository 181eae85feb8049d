"""Reads what training, evaluation and export left of each run, and says which runs are missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lazyleap.config import Settings
from lazyleap.errors import InputError
from lazyleap.settings import Setting, resolve
from stages import folders

Number = Annotated[float, Field(allow_inf_nan=False)]
Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
CURVE = ["step", "accuracy", "ci95"]


class _Json(BaseModel):
    """What the report needs of a file; the stages may write more into it."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Score(_Json):
    """A mean over ``n`` episodes or images and the half-width of its 95% interval; fractions."""

    value: Number
    ci95: Size
    n: Annotated[int, Field(ge=1)]


class Metrics(_Json):
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
    metrics: dict[str, Score]
    primary: str
    test_digest: str


class Share(_Json):
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


METRICS: dict[str, type[Metrics]] = {"longtail": LongTailMetrics}
"""What is read of a kind's metrics.json beyond :class:`Metrics`."""


class Record(_Json):
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


class Parity(_Json):
    """artifacts/export/GRID/RUN/parity.json."""

    max_abs_diff: Size
    tolerance: Size
    ok: bool


@dataclass(frozen=True)
class Finished:
    """A run with its measurements; ``curve`` and ``parity`` may not be there yet."""

    setting: Setting
    metrics: Metrics
    record: Record
    curve: pd.DataFrame | None
    parity: Parity | None

    @property
    def name(self) -> str:
        """The run's name in params.yaml."""
        return self.setting.name

    @property
    def primary(self) -> Score:
        """The score the run is judged by."""
        return self.metrics.metrics[self.metrics.primary]


@dataclass(frozen=True)
class Missing:
    """A run without a result, and why."""

    name: str
    reason: str


def collect(settings: Settings) -> tuple[list[Finished], list[Missing]]:
    """All runs of a grid in the order of its params.yaml, finished or missing.

    Raises:
        InputError: if a file is there and cannot be used (not JSON, NaN, a wrong type).
    """
    found = [_read(resolve(settings, name)) for name in settings.runs]
    finished = [run for run in found if isinstance(run, Finished)]
    return finished, [run for run in found if isinstance(run, Missing)]


def _read(setting: Setting) -> Finished | Missing:
    evaluated = folders.evaluated(setting.grid, setting.name)
    needed = (
        evaluated / "metrics.json",
        folders.record(setting.grid, setting.name) / "record.json",
    )
    if absent := [path.as_posix() for path in needed if not path.is_file()]:
        return Missing(setting.name, f"not there: {', '.join(absent)}")
    metrics = _parse(needed[0], METRICS.get(setting.task.kind, Metrics))
    if metrics.primary not in metrics.metrics:
        raise InputError(f"{needed[0]}: primary: '{metrics.primary}' is not in its metrics")
    if stale := _stale(setting, metrics):
        return Missing(setting.name, f"{needed[0].as_posix()} is of another setting: {stale}")
    parity = folders.exported(setting.grid, setting.name) / "parity.json"
    return Finished(
        setting,
        metrics,
        _parse(needed[1], Record),
        _curve(evaluated / "curve.csv"),
        _parse(parity, Parity) if parity.is_file() else None,
    )


def _stale(setting: Setting, metrics: Metrics) -> str:
    """What a result left by an earlier params.yaml disagrees in; empty if it is the setting's."""
    pairs = {
        "task": (setting.task_name, metrics.task),
        "algorithm": (setting.algorithm, metrics.algorithm),
        "estimator": (setting.estimator, metrics.estimator),
        "horizon": (setting.horizon, metrics.horizon),
        "seed": (setting.seed, metrics.seed),
        "leaps": (setting.leaps, setting.leaps if metrics.leaps is None else metrics.leaps),
        "placement": (setting.placement, metrics.placement or setting.placement),
        "lam": (setting.lam, setting.lam if metrics.lam is None else metrics.lam),
        "weighted_step": (setting.weighted_step, metrics.weighted_step or setting.weighted_step),
    }
    return ", ".join(
        f"{key} {found} where params.yaml says {asked}"
        for key, (asked, found) in pairs.items()
        if asked is not None and asked != found
    )


_Model = TypeVar("_Model", bound=_Json)


def _parse(path: Path, model: type[_Model]) -> _Model:
    try:
        return model.model_validate(json.loads(path.read_text(), parse_constant=_refuse))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: {where}: {first['msg']}, got {first['input']!r}"[:300]
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is not usable JSON ({error})") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"holds {constant}, which is no number")


def _curve(path: Path) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path)[CURVE].astype(float)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: is not a table of {', '.join(CURVE)} ({error})") from error
    if table.empty or not bool(table.map(lambda cell: abs(cell) < float("inf")).all(axis=None)):
        raise InputError(f"{path}: is empty or holds a value that is no finite number")
    return table
