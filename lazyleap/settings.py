"""Reads params.yaml whole: a typo or an impossible pair is one sentence, before any work.

The frame is :mod:`lazyleap.config`'s; a task's block is read by its kind, an algorithm's and an
estimator's by their ``Options``, all found by name (:mod:`lazyleap.registry`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lazyleap import registry, yamlfile
from lazyleap.blocks import Block, Extension, TaskOptions
from lazyleap.classifiers.options import Classifier, Target, check_classifiers, of_task
from lazyleap.config import Blocks, Compared, Frame, Run
from lazyleap.errors import InputError, nearest
from lazyleap.parts import Part, fits
from lazyleap.places import extend
from lazyleap.registry import kind
from lazyleap.sentences import known, parse, prefixed
from lazyleap.setting import RATE, DeviceChoice, Setting

__all__ = ["Run", "Setting", "Settings", "load", "resolve"]


@dataclass(frozen=True)
class Settings:
    """All of a params.yaml, checked; ``tasks`` by what their kinds say a task is."""

    root: str
    here: str
    grid: str
    extensions: str
    threads: int
    device: DeviceChoice
    tasks: Mapping[str, TaskOptions]
    algorithms: Mapping[str, Part]
    estimators: Mapping[str, Part]
    surrogates: Mapping[str, Classifier]
    targets: Mapping[str, Target]
    fidelity: Mapping[str, Compared]
    runs: Mapping[str, Run]

    def matching(self, patterns: str) -> tuple[str, ...]:
        """The runs whose names match one of some patterns, which have commas between them."""
        each = patterns.split(",")
        return tuple(run for run in self.runs if any(fnmatchcase(run, one) for one in each))


def load(path: Path) -> Settings:
    """Read and check a whole params.yaml, every run resolved.

    Raises:
        InputError: one sentence with the file, the key, the value and what is valid.
    """
    raw = yamlfile.read(path)
    if not isinstance(raw, dict):
        raise InputError(f"{path}: holds no parameters")
    with prefixed(path):
        frame = parse(Frame, raw)
        extend(path.parent / frame.root / frame.extensions)
        settings = _settings(frame)
        for name in settings.runs:
            resolve(settings, name)
        for name, compared in settings.fidelity.items():
            _check_compared(settings, name, compared)
    return settings


def _check_compared(settings: Settings, name: str, compared: Compared) -> None:
    with prefixed(f"fidelity.{name}"):
        run = _pick(settings.runs, name, "runs")
        if run.task != compared.task:
            raise InputError(f"task: is '{compared.task}', and run '{name}' is of '{run.task}'")


def _settings(frame: Frame) -> Settings:
    tasks = {name: _task(f"tasks.{name}", given) for name, given in frame.tasks.items()}
    having = [name for name, task in tasks.items() if kind(task.kind).CLASSIFIERS]
    check_classifiers(having, frame.surrogates, frame.targets)
    return Settings(
        root=frame.root,
        here=frame.here,
        grid=frame.grid,
        extensions=frame.extensions,
        threads=frame.threads,
        device=frame.device if isinstance(frame.device, str) else frame.device.model_dump(),
        tasks=tasks,
        algorithms=_parts("algorithm", frame.algorithms),
        estimators=_parts("estimator", frame.estimators),
        surrogates=frame.surrogates,
        targets=frame.targets,
        fidelity=frame.fidelity,
        runs=frame.runs,
    )


def _task(where: str, given: Mapping[str, Any]) -> TaskOptions:
    word = given.get("kind")
    if not isinstance(word, str):
        raise InputError(f"{where}.kind: names the kind of task: {', '.join(registry.KINDS)}")
    with prefixed(f"{where}.kind"):
        options = registry.options_of("kind", word)
    task: TaskOptions = parse(options, given, where)
    own = {
        name: _extension(f"{where}.{name}", part)
        for name, part in task
        if isinstance(part, Extension)
    }
    return task.model_copy(update=own)


def _extension(where: str, given: Extension) -> Block:
    """A block for a user's class, read as that says."""
    with prefixed(f"{where}.{given.WORD}"):
        options = registry.options_of(given.WHAT, getattr(given, given.WORD))
    found: Block = parse(options, given.model_dump(), where)
    return found


def _parts(what: str, blocks: Blocks) -> dict[str, Part]:
    found = {}
    for name, given in blocks.items():
        word, where = given.get("class", name), f"{what}s.{name}"
        if not isinstance(word, str):
            raise InputError(f"{where}.class: is the name of an {what}, not {word!r}")
        with prefixed(where):
            maker = registry.find(what, word)
            registry.options_of(what, word)
        rest = {key: value for key, value in given.items() if key != "class"}
        found[name] = Part(what, name, maker, rest)
        found[name].check()
    return found


def resolve(settings: Settings, name: str) -> Setting:
    """The run ``name`` with everything it refers to.

    Raises:
        InputError: if the run, its task, algorithm or estimator is not there or they do not go
            together.
    """
    run, where = _pick(settings.runs, name, "runs"), f"runs.{name}"
    with prefixed(where):
        task: TaskOptions = _pick(settings.tasks, run.task, "tasks")
        algorithm = _part("algorithm", run.algorithm, settings.algorithms)
        estimator = _part("estimator", run.estimator, settings.estimators)
        _check_taken(task.kind, algorithm)
        meta_iterations = _meta_iterations(run, task, algorithm)
    task, further = _at_its_rate(task, run.overrides, where)
    changes = _shared_out(where, further, algorithm, estimator)
    setting = Setting(
        name=name,
        grid=settings.grid,
        task_name=run.task,
        task=task,
        algorithm=run.algorithm,
        algorithm_class=algorithm.maker,
        algorithm_options=algorithm.options(changes[0], where),
        estimator=run.estimator,
        estimator_class=estimator.maker,
        estimator_options=estimator.options(changes[1], where),
        horizon=run.horizon,
        growth=tuple(run.growth or ()),
        seed=run.seed,
        meta_iterations=meta_iterations,
        threads=settings.threads,
        device=settings.device,
        surrogates=of_task(settings.surrogates, run.task),
        targets=of_task(settings.targets, run.task),
        overrides=run.overrides,
    )
    with prefixed(where):
        fits(setting)
        kind(task.kind).check(setting)
    return setting


def _meta_iterations(run: Run, task: TaskOptions, algorithm: Part) -> int:
    """How many there are; none where nothing is trained."""
    if getattr(algorithm.maker, "TRAINED", True):
        asked = run.meta_iterations
        return task.training.meta_iterations if asked is None else asked
    if run.meta_iterations is not None:
        raise InputError(
            f"meta_iterations does not go with algorithm '{algorithm.name}', which is not trained"
        )
    return 0


def _at_its_rate(
    task: TaskOptions, overrides: Mapping[str, Any], where: str
) -> tuple[TaskOptions, dict[str, Any]]:
    """The task with the run's own rate of plain training, if it has one; the other overrides."""
    training, further = task.training, dict(overrides)
    if RATE not in type(training).model_fields or further.get(RATE) is None:
        return task, further
    changed = training.model_dump() | {RATE: further.pop(RATE)}
    return task.model_copy(update={"training": parse(type(training), changed, where)}), further


def _check_taken(name: str, algorithm: Part) -> None:
    """Refuse an algorithm without what the kind of task needs."""
    own = kind(name)
    if own.takes(algorithm.maker):
        return
    valid = [word for word in registry.ALGORITHMS if own.takes(registry.find("algorithm", word))]
    raise InputError(
        f"algorithm '{algorithm.name}' does not go with a task of kind '{name}', which needs "
        f"{own.NEEDS}; valid: {', '.join(valid)}"
    )


def _shared_out(where: str, overrides: dict[str, Any], *parts: Part) -> list[dict[str, Any]]:
    """A run's overrides by the part whose options they are."""
    for key, value in overrides.items():
        having = [part for part in parts if key in part.keys]
        if len(having) == 1 or (not having and value is None):
            continue
        if having:
            raise InputError(f"{where}.{key}: is of its algorithm and its estimator; set it there")
        if key not in known():
            valid = set(Run.model_fields).union(*(part.keys for part in parts))
            raise InputError(f"{where}.{key}: unknown key; {nearest(key, valid)}")
        names = " and ".join(f"{part.what} '{part.name}'" for part in parts)
        raise InputError(f"{where}: {key} does not go with {names}")
    return [{k: v for k, v in overrides.items() if k in part.keys} for part in parts]


def _pick(table: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in table:
        raise InputError(f"'{name}' is not in {where}; {nearest(name, table)}")
    return table[name]


def _part(what: str, name: str, table: Mapping[str, Part]) -> Part:
    if name in table:
        return table[name]
    if name in registry.TABLES[what]:
        raise InputError(f"'{name}' has no block in {what}s")
    raise InputError(f"{what} '{name}' is unknown; {nearest(name, table)}")
