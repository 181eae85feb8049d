"""What a grid asks for: its settings, its stages and their DVC names. Checked whole when loaded."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

from lazyleap.classifiers.options import of_task
from lazyleap.datasets.registry import read_registry
from lazyleap.errors import InputError, nearest
from lazyleap.settings import Settings, load, resolve
from pipeline import dvc
from pipeline.outcomes import BudgetError
from stages import code

CHAIN = ("train", "evaluate", "export")  # the stages of every setting, in order
FETCHED = "data/raw/"  # sources below this folder are made by a fetch stage
REGISTRY = Path("data/datasets.yaml")  # what they can fetch
STAGES = "dvc.yaml"
TOP = Path("params.yaml")
DOWNLOADS = f"data/{STAGES}:"  # where these stages are


@dataclass(frozen=True)
class Plan:
    """The settings of one grid that are to be brought up to date."""

    grid: str
    prefix: str  # of DVC's stage names: "" for the top grid, else "grids/NAME/dvc.yaml:"
    settings: Settings
    runs: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where its params.yaml is."""
        return f"{self.settings.here}params.yaml"

    def stage(self, name: str, key: str = "") -> str:
        """DVC's name of a stage, such as ``train@maml-lazy-k10``."""
        return f"{self.prefix}{name}@{key}" if key else f"{self.prefix}{name}"

    def chain(self, run: str) -> list[str]:
        """The stages of one setting, in order."""
        asked = ("fidelity",) if run in self.settings.fidelity else ()
        return [self.stage(name, run) for name in (*CHAIN, *asked)]

    def head(self) -> dict[str, list[str]]:
        """The stages before all settings, in order, each with the stages it waits for."""
        validate = self.stage("validate", "params")
        stages: dict[str, list[str]] = {validate: []}
        for task in dict.fromkeys(self.settings.runs[run].task for run in self.runs):
            fetch = self._fetch(task)
            stages.update({name: [validate] for name in fetch})
            prepare = self.stage("prepare", task)
            stages[prepare] = [validate, *fetch]
            stages.update({name: [prepare] for name in self._classifiers(task)})
        return stages

    def longest_first(self) -> list[str]:
        """The settings by the work they are likely to be, so that none is left over at the end."""
        return sorted(self.runs, key=lambda run: -self._work(run))

    def needs(self, run: str) -> list[str]:
        """The stages of the head that a setting waits for."""
        task = self.settings.runs[run].task
        return [self.stage("prepare", task), *self._classifiers(task)]

    def targets(self) -> list[str]:
        """What to ask DVC's status about."""
        fetches = [name for name in self.head() if name.startswith(DOWNLOADS)]
        return [self.prefix.removesuffix(":") or STAGES, *fetches]

    def stale(self) -> set[str] | None:
        """Names of its stages that are not up to date, among others; ``None``: DVC cannot tell."""
        if not self._described():
            return set(self._stages())
        return dvc.stale(self.targets())

    def is_done(self, stale: set[str] | None) -> bool:
        """Whether no stage of it is among those that are not up to date (``None``: unknown)."""
        return stale is not None and stale.isdisjoint(self._stages())

    @contextmanager
    def described(self) -> Iterator[None]:
        """Have its stages beside its params.yaml, where DVC finds them: a copy of the top dvc.yaml.

        Gone again if nothing was done: DVC looks at every dvc.yaml, and those of its commands that
        fetch fail of stages without a result.
        """
        here = Path(self.settings.here)
        if not self._described():
            copyfile(STAGES, here / STAGES)
        try:
            yield
        finally:
            if self.prefix and not (here / "dvc.lock").exists():
                (here / STAGES).unlink(missing_ok=True)

    def _described(self) -> bool:
        return Path(self.settings.here, STAGES).is_file()

    def _stages(self) -> list[str]:
        chains = [name for run in self.runs for name in self.chain(run)]
        return [*self.head(), *chains, self.stage("report")]

    def _work(self, run: str) -> int:
        found = resolve(self.settings, run)
        return found.horizon * found.meta_iterations

    def _classifiers(self, task: str) -> list[str]:
        surrogates = of_task(self.settings.surrogates, task)
        return [
            *(self.stage("surrogate", name) for name in surrogates),
            *(self.stage("target", name) for name in of_task(self.settings.targets, task)),
        ]

    def _fetch(self, task: str) -> list[str]:
        source = self.settings.tasks[task].dataset.source
        if not source.startswith(FETCHED):
            return []
        dataset, known = source.removeprefix(FETCHED).strip("/"), read_registry(REGISTRY)
        if dataset in known:
            return [f"{DOWNLOADS}fetch@{dataset}"]
        if not Path(source).exists():
            raise InputError(
                f"{self.place}: tasks.{task}.dataset.source: '{source}' does not exist, and "
                f"{REGISTRY} has no such data set; {nearest(dataset, known)}"
            )
        return []


@dataclass(frozen=True)
class Limits:
    """How long things may take."""

    deadline: float | None  # seconds since the epoch; training stops then, to go on another time
    timeout: float | None  # seconds; a stage that takes longer is killed

    @classmethod
    def of(cls, max_seconds: float | None, timeout: float | None) -> Limits:
        """A budget of ``max_seconds`` from now on."""
        return cls(time.time() + max_seconds if max_seconds else None, timeout)

    def chain(self, stages: list[str], flags: Sequence[str] = ()) -> dvc.Chain:
        """A chain of stages that knows what is left of the budget; ``flags``: of ``dvc repro``.

        Raises:
            BudgetError: if nothing is left for it.
        """
        environment = {"LAZYLEAP_PROGRESS_SECONDS": "2"}
        training = next((name for name in stages if "train@" in name), None)
        if self.deadline is not None and training is not None:
            left = self.deadline - time.time()
            if left < 1:
                raise BudgetError(training, "not started, since the time budget ended")
            environment["LAZYLEAP_MAX_SECONDS"] = f"{left:.0f}"
        return dvc.Chain(stages, environment | _own(environment), self.timeout, flags)


def plan(grid: str | None = None, only: str | None = None) -> Plan:
    """Read and check the params.yaml of a grid (``None``: the top one) and choose its settings.

    Written beside it, where the code is installed apart: the file that stands for it. A copy of the
    top dvc.yaml that is there is renewed; :meth:`Plan.described` makes one.

    Raises:
        InputError: in one sentence, if the file is wrong in any place or nothing matches.
    """
    code.refresh()
    path, settings = _chosen(grid)
    prefix = ""
    if path.parent != Path():
        prefix = f"{path.parent}/{STAGES}:"
        _check_place(path.parent, settings)
        if (own := path.parent / STAGES).is_file():
            copyfile(STAGES, own)
    runs = settings.matching(only or "*")
    if not runs:
        raise InputError(f"--only {only}: matches no run; {nearest(only or '', settings.runs)}")
    chosen = Plan(settings.grid, prefix, settings, runs)
    chosen.head()  # refuses a source that nothing makes
    return chosen


def _check_place(folder: Path, settings: Settings) -> None:
    """Refuse parameters that say they are another grid's, as a copied folder's do."""
    if settings.here != f"{folder.as_posix()}/":
        raise InputError(
            f"{folder / 'params.yaml'}: here: must be '{folder.as_posix()}/', the folder of this "
            f"file, not '{settings.here}'"
        )
    if settings.grid != folder.name:
        raise InputError(
            f"{folder / 'params.yaml'}: grid: must be '{folder.name}' as its folder is, not "
            f"'{settings.grid}', or two grids would write to the same place"
        )


def params_of(grid: str | None) -> Path:
    """The params.yaml of a folder of grids/, or the top one, which has a grid's name, too.

    Raises:
        InputError: if there is no such grid.
    """
    return _place(grid) or _chosen(grid)[0]


def _chosen(grid: str | None) -> tuple[Path, Settings]:
    """The place of its parameters, and what they say."""
    if path := _place(grid):
        return path, load(path)
    top = load(TOP)
    if grid and top.grid != grid:
        raise InputError(f"--grid {grid}: no such grid; {nearest(grid, [top.grid, *_grids()])}")
    return TOP, top


def _place(grid: str | None) -> Path | None:
    """Of a grid's params.yaml, where its name alone says it."""
    if grid is None:
        return TOP
    return Path("grids") / grid / TOP if grid in _grids() else None


def _own(environment: dict[str, str]) -> dict[str, str]:
    """What the user set of these variables."""
    return {name: os.environ[name] for name in environment if name in os.environ}


def _grids() -> list[str]:
    return sorted(path.parent.name for path in Path("grids").glob("*/params.yaml"))
