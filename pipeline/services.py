"""What the flow asks of Prefect beside tasks: a slot of the GPU, artifacts, a log file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled

from lazyleap.setting import DeviceChoice, device_name
from pipeline import crashed
from stages import folders, scratch

GPU = "gpu"  # the name of the limit; `prefect gcl update gpu --limit 2` lets two settings share it


@contextmanager
def gpu_slot(device: DeviceChoice) -> Iterator[None]:
    """Hold a slot of the GPU where settings run on one: one at a time unless told otherwise."""
    name = device_name(device)
    if name == "cpu" or (name == "auto" and not _cuda()):
        yield
        return
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(GPU)
        except ObjectNotFound:  # without a limit Prefect would limit nothing
            client.upsert_global_concurrency_limit_by_name(GPU, 1)
    with concurrency(GPU, occupy=1, strict=True):
        yield


def note_process() -> None:
    """Let Prefect know this flow run's process; one that a worker started does not outlive it."""
    if "PREFECT__FLOW_RUN_ID" in os.environ:
        scratch.end_with_starter()
    if (run := flow_run.id) is not None:
        with get_client(sync_client=True) as client:
            client.update_flow_run(run, infrastructure_pid=crashed.noted())


def drop_missed() -> None:
    """Cancel the ticks of this deployment's schedule that are due by now: this run is theirs."""
    own = flow_run.id
    if deployment.id is None:
        return
    scheduled = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[UUID(deployment.id)]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
    )
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=scheduled):
            at = run.expected_start_time
            if run.auto_scheduled and str(run.id) != own and at and at <= datetime.now(UTC):
                state: State[None] = Cancelled(message=f"missed; flow run {own} does its work")
                client.set_flow_run_state(run.id, state, force=True)


def publish(grid: str) -> None:
    """Show the report's text among Prefect's artifacts."""
    text = folders.results(grid) / "summary.md"
    if text.exists():
        create_markdown_artifact(text.read_text(), key=f"{grid}-summary")


def _cuda() -> bool:
    """Whether torch would choose CUDA; asked of torch only where there is an NVIDIA driver."""
    if shutil.which("nvidia-smi") is None:
        return False
    question = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", question], check=False).returncode == 0
