"""Resolves a params.yaml into what each stage is given, and digests of the files it is made by.

Files are the source files that the stage imports for this very setting, a user's own among them,
and those that a parameter names. So a stage runs again when one of them changes, and for no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lazyleap import registry
from lazyleap.blocks import Block
from lazyleap.datasets.registry import read_registry
from lazyleap.errors import InputError, nearest
from lazyleap.places import place
from lazyleap.settings import Settings, load, resolve
from lazyleap.views import task_view, users, view
from stages import code, folders
from stages.contents import Content
from stages.digests import digest
from stages.imports import Sources

RUNS = ("train", "evaluate", "export")  # the stages of a setting
CLASSIFIERS = {"surrogate": "surrogates", "target": "targets"}  # stages, and their blocks
REGISTRY = Path("data/datasets.yaml")
PAGE = "stages/reporting"  # templates and scripts lie there, too
WATCHED = ("data/splits", "lazyleap", "stages")  # what dvc.yaml has validate look at


class Given(NamedTuple):
    """A stage's ``parameters``, the code that serves it, and further files that it reads."""

    parameters: Content
    server: str
    code: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class Resolver:
    """Of one grid, whose settings are of the file ``params``."""

    def __init__(self, params: str, settings: Settings) -> None:
        self.params, self.settings = params, settings
        self.sources = Sources([Path(), Path(settings.extensions)], code.homes())
        self._digests: dict[str, str] = {}

    def all(self) -> Iterator[Content]:
        """What every stage of every key is given."""
        yield from (self.of("prepare", task) for task in self.settings.tasks)
        for stage, block in CLASSIFIERS.items():
            yield from (self.of(stage, name) for name in getattr(self.settings, block))
        yield from (self.of(stage, run) for stage in RUNS for run in self.settings.runs)
        yield from (self.of("fidelity", run) for run in self.settings.fidelity)
        yield self.of("report", self.settings.grid)

    def of(self, stage: str, key: str) -> Content:
        """What one is given; InputError if there is no such key."""
        given = self._given(stage, key)
        modules = [home.partition(":")[0] for home in (given.server, *given.code) if home]
        imported = self.sources.closure(f"stages.{stage}", *modules)
        files = sorted({*map(code.named, imported), *given.files})
        return {
            "stage": stage,
            "key": key,
            "grid": self.settings.grid,
            "extensions": self.settings.extensions,
            "from": self.params,
            "parameters": given.parameters,
            "server": given.server,
            "files": {file: self._digest(file) for file in files},
        }

    def _given(self, stage: str, key: str) -> Given:
        if stage in RUNS:
            return self._run(stage, key)
        if stage in CLASSIFIERS:
            return self._classifier(stage, key)
        if stage == "fidelity":
            return self._fidelity(key)
        return self._task(key) if stage == "prepare" else self._report()

    def _run(self, stage: str, key: str) -> Given:
        setting = resolve(self.settings, key)
        seen = view(setting, stage)
        served = [seen["algorithm_class"], *_places(seen)]
        served += [seen["estimator_class"]] if "estimator_class" in seen else []
        files = [*_named(setting.task, seen["task"]), *_named(setting.algorithm_options)]
        where = f"{self.params}: runs.{key}"
        server = registry.server(setting.task.kind, stage)
        return Given(seen, server, tuple(served), self._watched(where, files))

    def _fidelity(self, key: str) -> Given:
        """All that training is given: it makes the problem and what is held out."""
        given, asked = self._run("train", key), self.settings.fidelity.get(key)
        more = {"tasks": asked.tasks} if asked else {}
        return given._replace(parameters=given.parameters | more)

    def _task(self, key: str) -> Given:
        task = _pick(self.params, "tasks", self.settings.tasks, key)
        parameters = task_view(task, "prepare")
        parameters["download"] = download(task.dataset.source)
        parameters["reader"] = place(registry.find("reader", task.dataset.reader))
        files = self._watched(f"{self.params}: tasks.{key}", _named(task, parameters["task"]))
        served = (parameters["reader"], *_places(parameters))
        return Given(parameters, registry.server(task.kind, "prepare"), served, files)

    def _classifier(self, stage: str, key: str) -> Given:
        block = CLASSIFIERS[stage]
        options = _pick(self.params, block, getattr(self.settings, block), key)
        parameters = {key: getattr(self.settings, key) for key in ("threads", "device")}
        parameters |= {"options_class": place(type(options)), "options": options.model_dump()}
        kind = self.settings.tasks[options.task].kind
        return Given(parameters, registry.server(kind, stage) if stage == "surrogate" else "")

    def _report(self) -> Given:
        """Of the report, which reads all of params.yaml: what draws it."""
        kinds = dict.fromkeys(task.kind for task in self.settings.tasks.values())
        served = tuple(registry.server(kind, "report") for kind in kinds)
        page = [p for p in code.located(PAGE).iterdir() if p.is_file() and p.suffix != ".py"]
        return Given({}, "", served, tuple(map(code.named, page)))

    def _watched(self, where: str, files: list[str]) -> tuple[str, ...]:
        """Files that a parameter names, which must be where DVC notices their change."""
        watched = [Path(path).resolve() for path in (*WATCHED, self.settings.extensions)]
        for file in files:
            if not any(Path(file).resolve().is_relative_to(folder) for folder in watched):
                raise InputError(
                    f"{where}: {file} is outside of '{self.settings.extensions}', the folder "
                    "extensions, where DVC would not notice that it changes"
                )
        return tuple(files)

    def _digest(self, file: str) -> str:
        if file not in self._digests:
            self._digests[file] = digest(code.located(file))
        return self._digests[file]


def of(params: str, stage: str, key: str) -> Content:
    """What a stage is given, by a whole params.yaml."""
    return Resolver(params, load(Path(params))).of(stage, key)


def _places(seen: Content) -> list[str]:
    """The code that reads a task's block, and what of a user's it names."""
    return [seen["task_class"], *seen["task_blocks"].values(), *users(seen)]


def _named(block: Block, seen: Mapping[str, Any] | None = None) -> list[str]:
    """Files that a block's keys name, or those of its keys that are ``seen``."""
    found = []
    for key in type(block).model_fields:
        if seen is not None and key not in seen:
            continue
        value = getattr(block, key)
        if isinstance(value, Block):
            found += _named(value)
        elif key in type(block).FILES and value is not None:
            found.append(value)
    return found


def download(source: str) -> dict[str, str] | None:
    """What the registry says of a public data set."""
    name = Path(source).name
    entries = read_registry(REGISTRY) if Path(source) == folders.raw(name) else {}
    keys = {"licence", "citation", "source"}
    return entries[name].model_dump(include=keys) if name in entries else None


def _pick(params: str, block: str, table: Mapping[str, Any], name: str) -> Any:
    if name not in table:
        hint = nearest(name, table) if table else "there is none"
        raise InputError(f"{params}: '{name}' is not in {block}; {hint}")
    return table[name]
