"""What the flow asks of Prefect beside tasks: a slot of the GPU, artifacts, a log file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound

from stages import folders

GPU = "gpu"  # the name of the limit; `prefect gcl update gpu --limit 2` lets two settings share it


@contextmanager
def gpu_slot(device: str) -> Iterator[None]:
    """Hold a slot of the GPU where settings run on one: one at a time unless told otherwise."""
    if device == "cpu" or (device == "auto" and not _cuda()):
        yield
        return
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(GPU)
        except ObjectNotFound:  # without a limit Prefect would limit nothing
            client.upsert_global_concurrency_limit_by_name(GPU, 1)
    with concurrency(GPU, occupy=1, strict=True):
        yield


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
