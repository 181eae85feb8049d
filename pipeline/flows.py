"""The Prefect flow over a grid's stages; its command line is :mod:`pipeline.cli`.

One task runs one DVC stage. What all settings share goes first; then the settings go side by side,
each its own train, evaluate and export; what fails leaves the others finished; the report is made
from what there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from prefect import flow, get_run_logger, tags, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.task_runners import ThreadPoolTaskRunner

from lazyleap.parallel import cores
from pipeline import dvc, marks, turn
from pipeline.console import result, watching
from pipeline.outcomes import (
    GridError,
    Outcome,
    StageError,
    TransientError,
    overall,
)
from pipeline.plan import Limits, Plan, plan
from pipeline.services import drop_missed, gpu_slot, note_process, publish
from pipeline.states import brought, error_of, failed, word
from pipeline.workers import kept


def may_help(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Whether trying again can help: a signal or a lock, never a program's own error."""
    return isinstance(error_of(state), TransientError)


@task(
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=1,
    retry_condition_fn=may_help,
)
def stage(name: str, line: str, chain: dvc.Chain | None) -> State[Outcome]:
    """Bring one stage up to date; ``chain=None``: it is known to be. ``line``: for the watcher.

    What fails is a Failed state that holds its StageError. Raising it would make Prefect mark the
    setting's finished stages as rolled back.
    """
    if chain is None:
        return brought(name, Outcome.UNCHANGED)
    log = get_run_logger()
    watching().begin(line, name.rpartition(":")[2].removesuffix(f"@{line}"))

    def emit(text: str) -> None:
        log.info(text)
        watching().hear(line, text)

    try:
        return brought(name, chain.follow(name, emit))
    except StageError as error:
        return failed(error)


@task(task_run_name="{run}", cache_policy=NO_CACHE)
def setting(grid: Plan, run: str, stale: set[str] | None, limits: Limits) -> State[Outcome]:
    """Train, evaluate and export one setting, in as few DVC processes as it takes.

    Args:
        grid: where ``run`` is from.
        run: a key of ``runs:``.
        stale: names of the stages that are not up to date; ``None``: unknown.
        limits: of time.
    """
    names = grid.chain(run)
    done = _fresh(names, stale)
    try:
        with tags(*marks.tags_of(grid, run)):
            outcomes = [bring(name, run, None) for name in names[:done]]
            if names[done:]:
                with gpu_slot(grid.settings.device), closing(limits.chain(names[done:])) as chain:
                    outcomes += [bring(name, run, chain) for name in names[done:]]
    except StageError as error:
        _ended(run, error)
        return failed(error)
    outcome, score = overall(outcomes), result(grid.grid, run)
    _ended(run, outcome, score)
    return brought(run, outcome, score)


@flow(name="lazyleap", flow_run_name=marks.asked)
def grid_flow(
    grid: str | None = None,
    only: str | None = None,
    jobs: int | None = None,
    max_seconds: float | None = None,
    timeout: float | None = None,
) -> State[Outcome]:
    """Bring every setting of a grid up to date, then its report.

    Args:
        grid: a folder of grids/, or nothing for the params.yaml at the top.
        only: patterns of run names, such as ``maml-*,anil-*``.
        jobs: settings side by side; as many as there are cores for them if not given.
        max_seconds: time budget; training that it cuts off goes on at the next call.
        timeout: seconds after which a stage is killed.

    Raises:
        InputError: before anything is run.
        GridError: after all that could be done is done.
    """
    chosen, limits = plan(grid, only), Limits.of(max_seconds, timeout)
    note_process()
    with turn.turn(chosen.grid, get_run_logger().info), chosen.described(), kept():
        drop_missed()
        return _bring(chosen, jobs, limits)


def _bring(chosen: Plan, jobs: int | None, limits: Limits) -> State[Outcome]:
    dvc.allow()
    stale, broken = shared(chosen, limits)
    runs = [run for run in chosen.longest_first() if not _blocked(chosen, run, broken)]
    workers = jobs or max(1, cores() // chosen.settings.threads)
    states = dict(zip(runs, _side_by_side(chosen, runs, workers, stale, limits), strict=True))
    errors = [*broken.values(), *filter(None, map(error_of, states.values()))]
    outcomes = [state.result() for state in states.values() if state.is_completed()]
    errors += report(chosen, outcomes, stale, limits)
    marks.mark(chosen, _ends(chosen, states, broken), errors)
    if errors:
        raise GridError(errors)
    return brought(f"grid {chosen.grid}", overall(outcomes))


def shared(grid: Plan, limits: Limits) -> tuple[set[str] | None, dict[str, StageError]]:
    """Do what all settings share. Returns what is stale after it, and what of it is broken."""
    stages = grid.head()
    stale = grid.stale()
    if stale is not None and not stale.intersection(stages):
        for name in stages:
            bring(name, "data", None)
        _ended("data", Outcome.UNCHANGED)
        return stale, {}
    broken: dict[str, StageError] = {}
    with closing(limits.chain(list(stages))) as chain:
        for name, needs in stages.items():
            before = [broken[need] for need in needs if need in broken]
            try:
                if not before:
                    bring(name, "data", chain)
            except StageError as error:
                before = [error]
            if before:
                broken[name] = before[0]
    _ended("data", next(iter(broken.values()), Outcome.RAN))
    return grid.stale(), broken


def _side_by_side(
    grid: Plan, runs: list[str], workers: int, stale: set[str] | None, limits: Limits
) -> list[State[Any]]:
    common = {"grid": grid, "stale": stale, "limits": limits}
    pool: ThreadPoolTaskRunner[State[Outcome]] = ThreadPoolTaskRunner(max_workers=workers)
    with pool as runner:
        try:
            futures = [
                runner.submit(
                    setting.with_options(tags=marks.tags_of(grid, run)), {"run": run, **common}
                )
                for run in runs
            ]
            for future in futures:
                future.wait()
        except BaseException:
            dvc.stop_all()  # leaving the runner waits for its threads, and they for their stages
            raise
    return [future.state for future in futures]


def report(
    grid: Plan, outcomes: list[Outcome], stale: set[str] | None, limits: Limits
) -> list[StageError]:
    """Make the report from what is finished; publish it among Prefect's artifacts."""
    name = grid.stage("report")
    if not outcomes:
        return []
    known = stale is not None and name not in stale and set(outcomes) == {Outcome.UNCHANGED}
    with closing(limits.chain([name])) as chain:
        try:
            outcome = bring(name, "report", None if known else chain)
        except StageError as error:
            _ended("report", error)
            return [error]
    _ended("report", outcome)
    publish(grid.grid)
    return []


def _blocked(grid: Plan, run: str, broken: dict[str, StageError]) -> bool:
    error = next((broken[name] for name in grid.needs(run) if name in broken), None)
    if error is not None:
        watching().end(run, "skipped", f"{error.stage} failed")
    return error is not None


def _fresh(names: list[str], stale: set[str] | None) -> int:
    """How many of the first stages need no look by DVC."""
    if stale is None:
        return 0
    return next((i for i, name in enumerate(names) if name in stale), len(names))


def bring(name: str, line: str, chain: dvc.Chain | None) -> Outcome:
    """Bring one stage up to date as a task; raises what the stage raised."""
    state: State[Any] = stage(name, line, chain, return_state=True)
    outcome: Outcome = state.result()
    return outcome


def _ends(
    grid: Plan, states: Mapping[str, State[Any]], broken: Mapping[str, StageError]
) -> dict[str, marks.Ended]:
    """What became of every setting."""
    found = {}
    for run in grid.runs:
        if run not in states:
            blocking = next(broken[name] for name in grid.needs(run) if name in broken)
            found[run] = marks.Ended("skipped", blocking)
        elif error := error_of(states[run]):
            found[run] = marks.Ended(word(error), error)
        else:
            found[run] = marks.Ended(str(states[run].result()))
    return found


def _ended(line: str, what: Outcome | StageError, note: str = "") -> None:
    if isinstance(what, StageError):
        watching().end(line, word(what), what.sentence)
    else:
        watching().end(line, "done" if what is Outcome.RAN else "cached", note)
