"""Reads what training, evaluation and export left of each run, and says which runs are missing."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from lazyleap import bounded, records
from lazyleap.errors import InputError, short
from lazyleap.items import FILE, Items
from lazyleap.results import Group, Run
from lazyleap.settings import Settings, load, resolve
from stages import folders

PLAIN = ("task", "algorithm", "estimator", "horizon", "seed")  # every run has them


class _Record(records.Record):
    """What every record.json has; times in seconds, memory in MiB."""

    meta_iterations: Annotated[int, Field(ge=0)]
    train_cpu_seconds: records.Size
    peak_memory_mib: records.Size
    device: str


@dataclass(frozen=True)
class Missing:
    """A run without a result, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Found:
    """A grid's results: its settings by task, and what is missing.

    ``here``: the folder of its params.yaml with a slash, or nothing.
    """

    here: str
    settings: Settings
    groups: dict[str, list[Group]]
    missing: list[Missing]

    @property
    def runs(self) -> list[Run]:
        """Every finished run, in the order of params.yaml."""
        named = {r.name: r for groups in self.groups.values() for g in groups for r in g.runs}
        return [named[name] for name in self.settings.runs if name in named]


def collect(params: Path) -> Found:
    """All runs of a params.yaml, finished or missing; those that differ by seed alone together.

    Raises:
        InputError: if a file is there and cannot be used (not JSON, NaN, a wrong type).
    """
    settings = load(params)
    found = [_read(settings, name) for name in settings.runs]
    members: dict[tuple[str, str], list[Run]] = {}
    for run in (run for run in found if isinstance(run, Run)):
        members.setdefault((settings.runs[run.name].task, run.label), []).append(run)
    groups: dict[str, list[Group]] = {}
    for (task, _), runs in members.items():
        groups.setdefault(task, []).append(Group(tuple(runs)))
    ordered = {task: groups[task] for task in settings.tasks if task in groups}
    here = "" if params.parent == Path() else f"{params.parent.as_posix()}/"
    return Found(here, settings, ordered, [run for run in found if isinstance(run, Missing)])


def overrides(settings: Settings, name: str) -> dict[str, Any]:
    """What a run says beside its task, algorithm, estimator, horizon and seed."""
    said = settings.runs[name].model_dump(exclude_none=True)
    return {key: said[key] for key in sorted(said) if key not in PLAIN}


def _read(settings: Settings, name: str) -> Run | Missing:
    evaluated = folders.evaluated(settings.grid, name)
    recorded = folders.record(settings.grid, name)
    record, metrics = recorded / "record.json", evaluated / "metrics.json"
    items = evaluated / FILE
    if not record.is_file():
        return Missing(name, f"not trained: no {record.as_posix()}")
    if not metrics.is_file():
        return Missing(name, f"trained, not evaluated: no {metrics.as_posix()}")
    measured = records.read(metrics, records.Metrics)
    run = resolve(settings, name)
    if stale := _stale(run.asked(), measured.get("setting", {})):
        return Missing(name, f"{metrics.as_posix()} is of another setting: {stale}")
    ahead = callable(run.make_estimator())  # else nothing is looked ahead
    head = f"{run.algorithm} {run.estimator}" if ahead else run.algorithm
    options = ", ".join(f"{key} {_words(v)}" for key, v in overrides(settings, name).items())
    more = f" ({options})" if options else ""
    return Run(
        name=name,
        label=f"{head} k={run.horizon}{more}" if ahead else head + more,
        series=head + more,
        algorithm=run.algorithm,
        estimator=run.estimator,
        horizon=run.horizon,
        options=options,
        seed=run.seed,
        metrics=measured,
        record=records.read(record, _Record),
        curve=_curve(evaluated / "curve.csv"),
        items=Items.load(items) if items.is_file() else None,
        folder=evaluated,
        scalars=partial(_scalars, recorded / "tensorboard"),
    )


class _Parity(records.Record):
    """What every parity.json has, and the widest differences in float32: the file's, PyTorch's."""

    ok: bool
    float32_gap: float | None = None
    pytorch_gap: float | None = None


def checks(grid: str, run: Run) -> list[tuple[bool, str]]:
    """What was checked of a run, and whether it holds."""
    score = run.score(run.metrics["primary"])
    found = [committed(run.record)]
    if score is not None and score.chance:
        found.append((False, score.chance))
    parity = folders.exported(grid, run.name) / "parity.json"
    if parity.is_file():
        found.append(_agreement(records.read(parity, _Parity)))
    return found


def committed(record: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether a commit holds all that a run was trained from, in words too."""
    if record.get("dirty"):
        return False, "uncommitted changes"
    if record.get("commit", "unknown") == "unknown":  # of provenance.commit
        return False, f"of no commit (lazyleap {record.get('lazyleap', 'of an unknown version')})"
    return True, "committed code"


def _agreement(parity: Mapping[str, Any]) -> tuple[bool, str]:
    ok, gap, own = bool(parity["ok"]), parity.get("float32_gap"), parity.get("pytorch_gap")
    words = f"the ONNX file {'agrees' if ok else 'does not agree'} with PyTorch"
    if gap is None or own is None:
        return ok, words
    return ok, f"{words} (in float32 within {gap:.1e}; PyTorch's own rounding moves it {own:.1e})"


def _words(value: Any) -> str:
    if isinstance(value, tuple):  # of a growing horizon
        until, steps = value
        return f"{steps} until {until:g}"
    if isinstance(value, dict):  # of an optimiser, what the run changes
        return " ".join(f"{key} {_words(one)}" for key, one in value.items())
    return " ".join(map(_words, value)) if isinstance(value, list) else str(value)


def _stale(asked: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """What a result left by an earlier params.yaml disagrees in; empty if it is the run's."""
    said = []
    for key, value in json.loads(json.dumps(asked)).items():
        if isinstance(value, dict):
            said.append(_stale(value, found.get(key) or {}))
        elif found.get(key, value) != value:
            said.append(f"{key} {found[key]} where params.yaml says {value}")
    return ", ".join(words for words in said if words)


def _curve(path: Path) -> list[dict[str, str]]:
    """Rows of curve.csv by its header; none without such a file."""
    if not path.is_file():
        return []
    try:
        rows = list(csv.DictReader(bounded.text(path).splitlines()))
    except csv.Error as error:
        raise InputError(f"{path}: is no table: {short(error)}") from error
    if any(None in row or None in row.values() for row in rows):
        raise InputError(f"{path}: is no table: a row is longer or shorter than its header")
    return rows


def _scalars(folder: Path, prefix: str) -> dict[str, float]:
    """The last value of each TensorBoard tag that begins so. Cost: reads the events once."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 1, "images": 1})
    if not folder.is_dir():
        return {}
    events.Reload()
    tags = sorted(tag for tag in events.Tags()["scalars"] if tag.startswith(prefix))
    return {tag: float(events.Scalars(tag)[-1].value) for tag in tags}
