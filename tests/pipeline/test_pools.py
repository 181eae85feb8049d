"""What a sweep asks of Prefect's server while workers are at it."""

from __future__ import annotations

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import Running, Scheduled

from pipeline import pools


def test_settings_that_no_worker_has_begun_are_not_read_at_every_look(prefect_server):
    @flow
    def asked_for():
        pass

    states = [Scheduled(), Running(), Scheduled(name="AwaitingRetry", message=pools.RELEASED)]
    with get_client(sync_client=True) as client:
        runs = [client.create_flow_run(asked_for, state=state) for state in states]
        found = pools.read(client, [run.id for run in runs])
    assert {run.state.name for run in found} == {"Running", "AwaitingRetry"}
