"""Reads params.yaml whole: a typo or an impossible pair is one sentence, before any work."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from lazyleap import yamlfile
from lazyleap.attack.options import (
    AttackBaseline,
    AttackTask,
    check_attack,
    check_classifiers,
    of_task,
)
from lazyleap.blocks import Block
from lazyleap.compatibility import KINDS, check_kind, check_pair
from lazyleap.config import (
    AnyAlgorithm,
    ImplicitOptions,
    LazyOptions,
    Run,
    Settings,
    TaskOptions,
)
from lazyleap.errors import InputError, nearest
from lazyleap.estimators.placement import teacher_steps, with_taught
from lazyleap.fewshot.options import FewShotTask
from lazyleap.longtail.options import BaselineOptions, LongTailTask, WeightingOptions

TARGETS = ("trained", "onnx")  # kinds of targets


@dataclass(frozen=True)
class Setting:
    """One run with its overrides resolved: all that meta-training needs to know.

    ``teacher`` holds the steps of 0..horizon-1 that the teacher takes, for ``lazy`` alone;
    ``weighted_step`` is of example weightings; baselines have no ``inner_lr``. ``surrogates`` and
    ``targets`` name the classifiers of an attack's task.
    """

    name: str
    grid: str
    task_name: str
    task: FewShotTask | LongTailTask | AttackTask
    algorithm: str
    algorithm_options: AnyAlgorithm
    estimator: str
    implicit: ImplicitOptions | None
    horizon: int
    seed: int
    teacher: tuple[int, ...] | None
    leaps: int | None
    placement: str | list[int] | None
    lam: float | None
    weighted_step: str | None
    inner_lr: float | None
    meta_iterations: int
    threads: int
    surrogates: tuple[str, ...]
    targets: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All that training depends on, as plain numbers and words, for JSON and digests."""
        plain = asdict(self)
        plain["task"] = self.task.model_dump(include={"kind", "model", "training"})
        plain["algorithm_options"] = self.algorithm_options.model_dump()
        plain["implicit"] = self.implicit and self.implicit.model_dump()
        del plain["targets"]  # training knows nothing of them
        return plain


def load(path: Path) -> Settings:
    """Read and check a whole params.yaml, every run resolved.

    Raises:
        InputError: one sentence with the file, the key, the value and what is valid.
    """
    raw = yamlfile.read(path)
    try:
        if not isinstance(raw, dict):
            raise InputError(f"{path}: holds no parameters")
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise InputError(_sentence(path, error)) from error
    try:
        check_classifiers(settings.tasks, settings.surrogates, settings.targets)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    for name in settings.runs:
        try:
            resolve(settings, name)
        except InputError as error:
            raise InputError(f"{path}: runs.{name}: {error}") from error
    return settings


def resolve(settings: Settings, name: str) -> Setting:
    """The run ``name`` with everything it refers to.

    Raises:
        InputError: if the run, its task, algorithm or estimator is not there or they do not go
            together.
    """
    run = _pick(settings.runs, name, "runs")
    task = _pick(settings.tasks, run.task, "tasks")
    check_pair(run.algorithm, run.estimator)
    check_kind(task.kind, run.algorithm)
    if isinstance(task, AttackTask):
        check_attack(run.task, run.algorithm, settings.surrogates, settings.targets)
    options: AnyAlgorithm = _block(settings.algorithms, run.algorithm, "algorithms")
    estimator: Block = _block(settings.estimators, run.estimator, "estimators")
    weighted_step, inner_lr = _weighted_step(run, options), _inner_lr(run, options)
    leaps, lam, teacher = _leaps(run, estimator)
    if teacher and lam and weighted_step:
        taught = run.horizon - 1 if weighted_step == "last" else 0
        teacher = with_taught(teacher, (taught,), lam)
    return Setting(
        name=name,
        grid=settings.grid,
        task_name=run.task,
        task=task,
        algorithm=run.algorithm,
        algorithm_options=options,
        estimator=run.estimator,
        implicit=estimator if isinstance(estimator, ImplicitOptions) else None,
        horizon=run.horizon,
        seed=run.seed,
        teacher=teacher,
        leaps=leaps,
        placement=run.placement,
        lam=lam,
        weighted_step=weighted_step,
        inner_lr=inner_lr,
        meta_iterations=_meta_iterations(run, task, options),
        threads=settings.threads,
        surrogates=of_task(settings.surrogates, run.task),
        targets=of_task(settings.targets, run.task),
    )


def _leaps(run: Run, options: Block) -> tuple[int | None, float | None, tuple[int, ...] | None]:
    if not isinstance(options, LazyOptions):
        for key in ("leaps", "lam", "placement"):
            if getattr(run, key) is not None:
                raise InputError(f"{key} goes with estimator 'lazy', not with '{run.estimator}'")
        return None, None, None
    if run.placement is None:
        raise InputError("estimator 'lazy' needs a placement: start, end, tail or a list of steps")
    counted = len(run.placement) if isinstance(run.placement, list) else options.leaps
    leaps = counted if run.leaps is None else run.leaps
    lam = options.lam if run.lam is None else run.lam
    return leaps, lam, teacher_steps(run.horizon, leaps, run.placement, lam)


def _weighted_step(run: Run, options: AnyAlgorithm) -> str | None:
    if isinstance(options, WeightingOptions):
        return run.weighted_step or options.weighted_step
    if run.weighted_step is not None:
        raise InputError(f"weighted_step does not go with algorithm '{run.algorithm}'")
    return None


def _meta_iterations(run: Run, task: TaskOptions, options: AnyAlgorithm) -> int:
    """How many there are; none where nothing is trained."""
    if not isinstance(options, AttackBaseline):
        asked = run.meta_iterations
        return task.training.meta_iterations if asked is None else asked
    if run.meta_iterations is not None:
        raise InputError(f"meta_iterations does not go with algorithm '{run.algorithm}'")
    return 0


def _inner_lr(run: Run, options: AnyAlgorithm) -> float | None:
    if not isinstance(options, BaselineOptions | AttackBaseline):
        return run.inner_lr or options.inner_lr
    if run.inner_lr is not None:
        raise InputError(f"inner_lr does not go with algorithm '{run.algorithm}'")
    if run.horizon != 1:
        raise InputError(f"horizon {run.horizon}: with estimator 'none' nothing is looked ahead: 1")
    return None


def _pick(table: dict[str, Any], name: str, where: str) -> Any:
    if name not in table:
        raise InputError(f"'{name}' is not in {where}; {nearest(name, table)}")
    return table[name]


def _block(blocks: BaseModel, name: str, where: str) -> Any:
    block = getattr(blocks, name, None)
    if block is None:
        raise InputError(f"'{name}' has no block in {where}")
    return block


def _sentence(path: Path, error: ValidationError) -> str:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if not str(part).startswith("function-")]
    if place[0] in ("tasks", "targets") and place[2:3] and place[2] in (*KINDS, *TARGETS):
        del place[2]  # the kind's own name, which is no key of the file
    where, value = ".".join(place), first["input"]
    if first["type"] == "extra_forbidden":
        return f"{path}: {where}: unknown key; {nearest(place[-1], _keys())}"
    if first["type"] == "missing":
        return f"{path}: {where}: is missing"
    if place[-1] == "[key]":
        return f"{path}: {'.'.join(place[:-2])}: name '{value}' may hold only a-z, 0-9 and -"
    if first["type"] == "value_error":
        return f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}"
    if first["type"].startswith("union_tag"):
        return f"{path}: {where}: {_lower(first['msg'])}"
    shown = repr(value) if not isinstance(value, dict | list) else type(value).__name__
    return f"{path}: {where}: {_lower(first['msg'])}, not {shown}"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


@lru_cache
def _keys() -> frozenset[str]:
    """Every key of the schema, for the nearest valid one."""
    found: set[str] = set()
    queue: list[type[BaseModel]] = [BaseModel]
    while queue:
        for sub in queue.pop().__subclasses__():
            if sub.__module__.startswith("lazyleap"):
                found.update(sub.model_fields)
                queue.append(sub)
    return frozenset(found)
