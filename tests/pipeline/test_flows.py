"""The flow with a real server and the real DVC, around stages that do nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from prefect import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.client.schemas.sorting import ArtifactSort
from prefect.exceptions import ObjectNotFound

from lazyleap.errors import InputError
from pipeline import services
from pipeline.console import watcher
from pipeline.flows import grid_flow
from pipeline.outcomes import GridError
from pipeline.plan import plan
from tests.conftest import RUNS, edit

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("prefect_server")]

LAZY, EXACT = RUNS
STAGES = ("train", "evaluate", "export")


class Notes:
    """A watcher that remembers how each line ended."""

    def __init__(self):
        self.ended = {}

    def begin(self, name, stage):
        pass

    def hear(self, name, line):
        pass

    def end(self, name, state, note):
        self.ended[name] = (state, note)


@pytest.fixture
def notes():
    found = Notes()
    token = watcher.set(found)
    yield found
    watcher.reset(token)


def states(flow_state, count):
    """Name of each of ``count`` tasks of a flow run -> name of its state, once all have ended."""
    only = FlowRunFilter(id=FlowRunFilterId(any_=[flow_state.state_details.flow_run_id]))
    until = time.monotonic() + 60
    with get_client(sync_client=True) as client:
        while time.monotonic() < until:  # tasks tell the server behind the flow's back
            runs = client.read_task_runs(flow_run_filter=only)
            if len(runs) == count and all(run.state.is_final() for run in runs):
                break
            time.sleep(0.3)
    return {run.name: run.state_name for run in runs}


def run(**options):
    return grid_flow(**options, return_state=True)


def test_the_second_run_is_all_cached_and_one_change_trains_one_setting(toy, notes):
    first = run()
    assert first.name == "Completed"
    every = {f"{stage}@{name}" for stage in STAGES for name in RUNS}
    named = {"validate@params", "prepare@glyphs", "report", *RUNS, *every}
    assert states(first, len(named)) == dict.fromkeys(named, "Completed")
    assert notes.ended[LAZY] == ("done", "accuracy@1 50.0 (49.0 .. 52.0) %")

    second = run()
    assert second.name == "Cached"
    assert states(second, len(named)) == dict.fromkeys(named, "Cached")

    edit(Path("params.yaml"), lambda params: params["runs"][LAZY].update(horizon=7))
    third = states(run(), len(named))
    assert third[f"train@{LAZY}"] == "Completed"
    assert third[f"train@{EXACT}"] == "Cached"

    edit(Path("params.yaml"), lambda params: params["runs"][LAZY].update(horizon=5))
    back = states(run(), len(named))
    assert {back[f"{stage}@{name}"] for stage in STAGES for name in RUNS} == {"Cached"}


def test_a_failing_stage_leaves_the_others_finished_and_reported(prepared, notes, monkeypatch):
    monkeypatch.setenv("TOY_FAIL", f"train {LAZY}")
    with pytest.raises(GridError, match=f"train@{LAZY}: the toy diverged at step 2") as caught:
        grid_flow()
    assert f"train {LAZY} 2/2 100%" in str(caught.value)  # its last lines
    assert not caught.value.out_of_time
    assert notes.ended[LAZY] == ("failed", "the toy diverged at step 2")
    assert notes.ended[EXACT][0] == "done"
    assert notes.ended["report"][0] == "done"
    summary = Path("results/quick/summary.csv").read_text()
    assert EXACT in summary
    assert LAZY not in summary


def test_a_broken_task_skips_its_settings(toy, notes, monkeypatch):
    monkeypatch.setenv("TOY_FAIL", "prepare glyphs")
    with pytest.raises(GridError, match="prepare@glyphs: the toy diverged"):
        grid_flow()
    assert notes.ended[LAZY] == ("skipped", "prepare@glyphs failed")
    assert not Path("artifacts/train").exists()


def test_the_time_budget_puts_off_and_the_next_run_goes_on(prepared, notes, monkeypatch):
    monkeypatch.setenv("TOY_BUDGET", f"train {LAZY}")
    with pytest.raises(GridError) as caught:
        grid_flow(only="maml-lazy-*", max_seconds=300)
    assert caught.value.out_of_time
    assert notes.ended[LAZY][0] == "postponed"
    monkeypatch.delenv("TOY_BUDGET")
    assert run(only="maml-lazy-*").name == "Completed"


def test_the_page_says_what_came_of_each_setting(prepared, monkeypatch):
    monkeypatch.setenv("TOY_FAIL", f"evaluate {LAZY}")
    state = run()
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(state.state_details.flow_run_id)
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["quick-settings"])),
            sort=ArtifactSort.CREATED_DESC,
        )
        only = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
        tasks = {one.name: one for one in client.read_task_runs(flow_run_filter=only)}
    assert flow_run.name == "quick: 1 ran, 1 failed"
    assert "quick" in flow_run.tags
    sentence = f"evaluate@{LAZY}: the toy diverged at step 2"
    broken, fine = json.loads(found[0].data)
    assert found[0].description == sentence
    assert next(iter(broken)) == "error"
    assert (broken["setting"], broken["state"], broken["error"]) == (LAZY, "failed", sentence)
    assert (fine["setting"], fine["error"]) == (EXACT, "")
    assert fine["result"] == "accuracy@1 10.0 (49.0 .. 52.0) %"
    assert set(tasks[f"train@{LAZY}"].tags) == {"quick", "glyphs", "maml", "lazy", "k=5"}
    named = {name: one.state_name for name, one in tasks.items() if LAZY in name}
    assert named == {
        LAZY: "Failed",
        f"train@{LAZY}": "Completed",
        f"evaluate@{LAZY}": "Failed",
    }
    assert tasks[EXACT].state.message == f"{EXACT}: ran, accuracy@1 10.0 (49.0 .. 52.0) %"


def test_only_chooses_settings_by_pattern(prepared):
    assert set(states(run(only="*exact*"), 7)) == {
        *("validate@params", "prepare@glyphs", EXACT, "report"),
        *(f"{stage}@{EXACT}" for stage in STAGES),
    }


def test_wrong_parameters_run_nothing(toy):
    edit(Path("params.yaml"), lambda params: params["runs"][LAZY].update(horizn=7))
    with pytest.raises(InputError, match=r"horizn.*did you mean 'horizon'"):
        grid_flow()
    assert not Path("artifacts").exists()


def test_a_gpu_takes_one_setting_at_a_time(monkeypatch):
    with services.gpu_slot("cpu"), get_client(sync_client=True) as client:
        with pytest.raises(ObjectNotFound):
            client.read_global_concurrency_limit_by_name(services.GPU)
        with services.gpu_slot("cuda"):
            limit = client.read_global_concurrency_limit_by_name(services.GPU)
            assert (limit.limit, limit.active_slots) == (1, 1)
        assert client.read_global_concurrency_limit_by_name(services.GPU).active_slots == 0


def test_unknown_grids_and_patterns_are_refused_by_name(prepared):
    with pytest.raises(InputError, match="--grid quik: no such grid; did you mean 'quick'"):
        plan("quik")
    with pytest.raises(InputError, match="--only maml-lasy-k5: matches no run; did you mean"):
        plan(only="maml-lasy-k5")
    assert plan("quick").runs == RUNS
