"""A grid over the machines of a Prefect work pool: one flow run a setting, results by DVC's remote.

The parent runs where it is called, so it holds no worker's slot. Workers have a checkout each; what
one of them has trained nobody trains again, for DVC's run cache goes through the remote.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Failed

from lazyleap.errors import InputError
from pipeline import dvc, flows, marks, origin, pools, states, turn, workers
from pipeline.console import result, watching
from pipeline.kept import Kept
from pipeline.outcomes import BudgetError, GridError, Outcome, StageError, overall
from pipeline.plan import Limits, Plan, plan
from pipeline.services import note_process

ENTRY = "pipeline.sweep.setting_flow"
EVERY = 300.0  # seconds between two checkpoints in the remote
PULL = ("--pull", "--allow-missing")
POLL = 1.0  # seconds between two looks at the settings at work
AHEAD = 16  # settings handed out that no worker has begun: hundreds are too much for SQLite


@flow(name="lazyleap-setting", flow_run_name="{grid}/{run}")
def setting_flow(
    grid: str,
    run: str,
    asked: dict[str, str],
    every: float = EVERY,
    max_seconds: float | None = None,
    timeout: float | None = None,
) -> State[Any]:
    """Bring one setting up to date in this worker's checkout, and push it.

    Args:
        grid: its name.
        run: a key of its ``runs:``.
        asked: what this machine must have in common with the parent; see :mod:`pipeline.origin`.
        every: seconds between two checkpoints in the remote.
        max_seconds: time budget; what it cuts off goes on from the last checkpoint.
        timeout: seconds after which a stage is killed.
    """
    note_process()
    try:
        chosen = plan(grid, run)
        if refused := origin.refusal(asked, origin.here(chosen.place)):
            return Failed(message=refused)
        with chosen.described(), workers.kept():
            return _brought(chosen, run, every, Limits.of(max_seconds, timeout))
    except InputError as error:
        return Failed(message=str(error))


def _brought(chosen: Plan, run: str, every: float, limits: Limits) -> State[Any]:
    say = get_run_logger().info
    dvc.allow()
    kept, names = Kept(chosen.grid, run), [*chosen.head(), *chosen.chain(run)]
    dvc.call(["fetch", "--run-cache", *names], may_fail=True)
    for found in kept.pull():
        say(f"goes on from the checkpoint {found} of another worker")
    try:
        with kept.pushing(every), closing(limits.chain(names, PULL)) as chain:
            outcomes = [flows.bring(name, run, chain) for name in names]
        dvc.call(["push", "--run-cache", *names])
    except StageError as error:
        return states.failed(error)
    kept.forget()
    own = overall(outcomes[-len(chosen.chain(run)) :])
    return states.brought(run, own, result(chosen.grid, run))


@flow(name="lazyleap-sweep", flow_run_name=marks.asked)
def sweep_flow(
    pool: str,
    grid: str | None = None,
    only: str | None = None,
    every: float = EVERY,
    max_seconds: float | None = None,
    timeout: float | None = None,
) -> State[Any]:
    """Have the workers of a pool bring a grid's settings up to date, then report here.

    Raises:
        InputError: before anything is run.
        GridError: after all that could be done is done.
    """
    chosen, limits = plan(grid, only), Limits.of(None, timeout)
    asked = origin.here(chosen.place)
    note_process()
    with (
        turn.turn(chosen.grid, get_run_logger().info),
        chosen.described(),
        workers.kept(),
        get_client(sync_client=True) as client,
    ):
        dvc.allow()
        deployment = pools.deploy(client, setting_flow, ENTRY, pool)
        pools.watch(client)
        stale, broken = flows.shared(chosen, limits)
        if broken:
            raise GridError(list(broken.values()))
        dvc.call(["push", "--run-cache", *chosen.head()])
        todo = [run for run in chosen.longest_first() if not _fresh(chosen, run, stale)]
        given = {"every": every, "max_seconds": max_seconds, "timeout": timeout, "asked": asked}

        def submit(run: str) -> UUID:
            parameters: dict[str, object] = {"grid": chosen.grid, "run": run, **given}
            return pools.submit(client, deployment, parameters, asked)

        return _collect(chosen, _followed(client, submit, todo), limits)


def _fresh(chosen: Plan, run: str, stale: set[str] | None) -> bool:
    return stale is not None and not stale.intersection(chosen.chain(run))


def _followed(
    client: SyncPrefectClient, submit: Callable[[str], UUID], todo: Sequence[str]
) -> dict[str, FlowRun]:
    """Hand settings out as workers take them, and wait for every one.

    One whose process is killed goes to another worker.
    """
    waiting, ids = deque(todo), dict[UUID, str]()
    ended: dict[UUID, FlowRun] = {}
    tries: Counter[UUID] = Counter()
    seen: dict[UUID, str] = {}
    while waiting or len(ended) < len(ids):
        while waiting and len(ids) - len(seen) < AHEAD:
            run = waiting.popleft()
            ids[submit(run)] = run
        for one in pools.read(client, set(ids) - set(ended)):
            state = one.state
            if state is None:
                continue
            if state.is_crashed() and pools.release(client, one, tries):
                continue
            if state.is_final():
                ended[one.id] = one
                _say_end(ids[one.id], state)
            elif seen.get(one.id) != state.name:
                watching().begin(ids[one.id], state.name or "")
            seen[one.id] = state.name or ""
        time.sleep(POLL)
    return {ids[key]: one for key, one in ended.items()}


def _say_end(run: str, state: State[Any]) -> None:
    words = (state.message or "").splitlines() or [""]
    if state.is_completed():
        watching().end(run, "done" if state.name == "Completed" else "cached", "")
    else:
        watching().end(run, (state.name or "failed").lower(), words[0])


def _collect(chosen: Plan, ends: Mapping[str, FlowRun], limits: Limits) -> State[Any]:
    """Pull what the workers pushed, and report it; nothing is trained here."""
    errors = [error for run, one in ends.items() if (error := _error(chosen, run, one))]
    lost = {error.stage for error in errors}
    done = [run for run in chosen.runs if chosen.stage("train", run) not in lost]
    names = [name for run in done for name in chosen.chain(run)]
    outcomes: list[Outcome] = []
    try:
        if names and ends:
            dvc.call(["fetch", "--run-cache", *names], may_fail=True)
            with closing(limits.chain(names, PULL)) as chain:
                outcomes = [flows.bring(name, "data", chain) for name in names]
    except StageError as error:
        errors.append(error)
    errors += flows.report(chosen, outcomes or [Outcome.UNCHANGED] * len(done), None, limits)
    marks.mark(chosen, _table(chosen, ends, errors), errors)
    if errors:
        raise GridError(errors)
    return states.brought(f"grid {chosen.grid}", Outcome.RAN if ends else Outcome.UNCHANGED)


def _table(
    chosen: Plan, ends: Mapping[str, FlowRun], errors: list[StageError]
) -> dict[str, marks.Ended]:
    of = {error.stage: error for error in errors}
    return {
        run: marks.Ended("failed", of[name])
        if (name := chosen.stage("train", run)) in of
        else marks.Ended("ran" if run in ends else "unchanged")
        for run in chosen.runs
    }


def _error(chosen: Plan, run: str, one: FlowRun) -> StageError | None:
    """Why a setting has no result; its first stage is blamed for what befell the whole."""
    state = one.state
    if state is None or state.is_completed():
        return None
    sentence = (state.message or state.name or "").splitlines()[0]
    kind = BudgetError if state.name == "Postponed" else StageError
    return kind(chosen.stage("train", run), sentence)
