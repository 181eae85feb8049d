"""Reads what training, evaluation and export left of each run, and says which runs are missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import ValidationError

from lazyleap.config import Settings
from lazyleap.errors import InputError
from lazyleap.settings import Setting, resolve
from stages import folders
from stages.reporting.schema import METRICS, Json, Metrics, Parity, Record, Score

CURVE = ["step", "accuracy", "ci95"]


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
    metrics = parse(needed[0], METRICS.get(setting.task.kind, Metrics))
    if metrics.primary not in metrics.metrics:
        raise InputError(f"{needed[0]}: primary: '{metrics.primary}' is not in its metrics")
    if stale := _stale(setting, metrics):
        return Missing(setting.name, f"{needed[0].as_posix()} is of another setting: {stale}")
    parity = folders.exported(setting.grid, setting.name) / "parity.json"
    return Finished(
        setting,
        metrics,
        parse(needed[1], Record),
        _curve(evaluated / "curve.csv"),
        parse(parity, Parity) if parity.is_file() else None,
    )


def _stale(setting: Setting, metrics: Metrics) -> str:
    """What a result left by an earlier params.yaml disagrees in; empty if it is the setting's."""
    return ", ".join(
        f"{key} {found} where params.yaml says {asked}"
        for key, (asked, found) in metrics.asked(setting).items()
        if asked is not None and asked != found
    )


_Model = TypeVar("_Model", bound=Json)


def parse(path: Path, model: type[_Model]) -> _Model:
    """A JSON file checked; InputError in one sentence if it is not what ``model`` says."""
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
        table = pd.read_csv(path)
        by_target = [name for name in table.columns if name.startswith("success@")]
        table = table[[*CURVE, *by_target]].astype(float)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: is not a table of {', '.join(CURVE)} ({error})") from error
    if table.empty or not bool(table.map(lambda cell: abs(cell) < float("inf")).all(axis=None)):
        raise InputError(f"{path}: is empty or holds a value that is no finite number")
    return table
