"""What a sweep needs of Prefect's server: a deployment to a pool, and a watch over its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled
from prefect.utilities.callables import parameter_schema

from lazyleap.errors import InputError
from pipeline.origin import Origin

HEARTBEAT = 30  # seconds, the least that Prefect allows
SILENCE = 3 * HEARTBEAT  # after which a run's worker is taken for dead
TAG = "lazyleap-setting"
WATCH = "lazyleap: a setting whose worker is silent goes to another"
WAITING = ("Scheduled", "Late")  # Prefect's names for runs that no worker has begun
TRIES = 3  # of a setting whose process is killed time and again
RELEASED = "its worker is silent or was killed; another goes on from the last checkpoint"


def deploy(client: SyncPrefectClient, flow: Flow[..., Any], entrypoint: str, pool: str) -> UUID:
    """The deployment of ``flow`` to a work pool; it holds no path and no variable of this machine.

    Raises:
        InputError: if the server has no such pool.
    """
    try:
        client.read_work_pool(pool)
    except ObjectNotFound as error:
        hint = f"prefect work-pool create {pool} --type process"
        raise InputError(f"--pool {pool}: the server has no such work pool; {hint}") from error
    return client.create_deployment(
        client.create_flow(flow),
        name=pool,
        entrypoint=entrypoint,
        work_pool_name=pool,
        pull_steps=[{"pipeline.workplace.enter": {}}],
        job_variables={"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT)}},
        parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
        tags=[TAG],
    )


def watch(client: SyncPrefectClient) -> None:
    """Have the server hand on a setting that gave no sign of life, once and for all sweeps."""
    if client.read_automations_by_name(WATCH):
        return
    trigger = EventTrigger(
        posture=Posture.Proactive,
        match=ResourceSpecification.model_validate({"prefect.resource.id": "prefect.flow-run.*"}),
        match_related=ResourceSpecification.model_validate(
            {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}
        ),
        for_each={"prefect.resource.id"},
        after={"prefect.flow-run.heartbeat", "prefect.flow-run.Pending"},
        expect={"prefect.flow-run.*"},
        threshold=1,
        within=timedelta(seconds=SILENCE),
    )
    action = ChangeFlowRunState(
        state=StateType.SCHEDULED, name="AwaitingRetry", message=RELEASED, force=True
    )
    client.create_automation(AutomationCore(name=WATCH, trigger=trigger, actions=[action]))


def submit(
    client: SyncPrefectClient, deployment: UUID, parameters: dict[str, object], asked: Origin
) -> UUID:
    """A flow run of one setting: the one that there is, if somebody asked for the same before."""
    mark = f"{parameters['grid']}/{parameters['run']}@{asked['commit'][:12]}"
    before = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[TAG, mark]))
    )
    ended = sum(run.state is not None and run.state.is_final() for run in before)
    key = f"{mark} {sorted(asked.items())} {ended}"
    run = client.create_flow_run_from_deployment(
        deployment, parameters=parameters, tags=[TAG, mark], idempotency_key=key
    )
    return run.id


def read(client: SyncPrefectClient, ids: Iterable[UUID]) -> list[FlowRun]:
    """Those of these flow runs that a worker has begun, as they are now."""
    found: list[FlowRun] = []
    wanted = list(ids)
    begun = FlowRunFilterState(name=FlowRunFilterStateName(not_any_=list(WAITING)))
    for i in range(0, len(wanted), 100):
        only = FlowRunFilter(id=FlowRunFilterId(any_=wanted[i : i + 100]), state=begun)
        found += client.read_flow_runs(flow_run_filter=only)
    return found


def release(client: SyncPrefectClient, run: FlowRun, tries: Counter[UUID]) -> bool:
    """Hand a run that crashed to another worker, unless that was done too often."""
    tries[run.id] += 1
    if tries[run.id] > TRIES:
        return False
    client.set_flow_run_state(run.id, Scheduled(message=RELEASED), force=True)
    return True
