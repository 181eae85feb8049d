"""What a sweep asks of Prefect's server while workers are at it, and what it hands out."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import uuid4

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import Completed, Running, Scheduled

from pipeline import pools, sweep


def test_settings_that_no_worker_has_begun_are_not_read_at_every_look(prefect_server):
    @flow
    def asked_for():
        pass

    states = [Scheduled(), Running(), Scheduled(name="AwaitingRetry", message=pools.RELEASED)]
    with get_client(sync_client=True) as client:
        runs = [client.create_flow_run(asked_for, state=state) for state in states]
        found = pools.read(client, [run.id for run in runs])
    assert {run.state.name for run in found} == {"Running", "AwaitingRetry"}


def test_settings_are_handed_out_as_workers_take_them(monkeypatch):
    settings = [f"run-{i}" for i in range(50)]
    asked, states, most = {}, {}, []

    def submit(run):
        assert run not in asked.values()
        key = uuid4()
        asked[key], states[key] = run, Scheduled()
        return key

    def look(_client, ids):
        """Three workers: what they had is done, and each takes another."""
        assert set(ids) == {key for key, state in states.items() if not state.is_completed()}
        most.append(sum(state.is_scheduled() for state in states.values()))
        for key in [key for key, state in states.items() if state.is_running()]:
            states[key] = Completed()
        for key in [key for key, state in states.items() if state.is_scheduled()][:3]:
            states[key] = Running()
        return [
            SimpleNamespace(id=key, state=states[key])
            for key in ids
            if not states[key].is_scheduled()
        ]

    monkeypatch.setattr(pools, "read", look)
    monkeypatch.setattr(sweep, "POLL", 0)
    ends = sweep._followed(None, submit, settings)
    assert [*asked.values()] == settings
    assert ends.keys() == {*settings}
    assert all(one.state.is_completed() for one in ends.values())
    assert max(most) == sweep.AHEAD
    assert most[10] == sweep.AHEAD  # the next are handed out in time
