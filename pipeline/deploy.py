"""Schedules the flow: served by this process, or by a worker of a pool (see prefect.yaml)."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.runner import Runner
from prefect.settings import PREFECT_API_URL, temporary_settings

from lazyleap.errors import InputError
from pipeline import server


class _Serving(Runner):
    """Prefect's runner, which SIGTERM ends as Ctrl-C does; its own handler waits for itself."""

    end: Callable[[], object]

    def handle_sigterm(self, *_args: Any, **_kwargs: Any) -> None:
        """Leave :meth:`start` as a cancelled task does."""
        asyncio.get_event_loop().call_soon_threadsafe(self.end)


def serve(flow: Flow[Any, Any], name: str, cron: str, parameters: dict[str, Any]) -> None:
    """Run ``flow`` on a schedule until stopped; a server is started if none is configured.

    Raises:
        InputError: if ``cron`` is not a schedule or no server comes up.
    """
    try:
        CronSchedule(cron=cron)
    except ValueError as error:
        raise InputError(f"--cron '{cron}': is not a schedule such as '0 2 * * *'") from error
    given = {key: value for key, value in parameters.items() if value is not None}
    with (
        tempfile.TemporaryDirectory(prefix="lazyleap-") as folder,
        server.of_a_service(folder) as url,
        temporary_settings(updates={PREFECT_API_URL: url}),
        suppress(KeyboardInterrupt, asyncio.CancelledError),
    ):
        print(f"grid {name}: schedule {cron} UTC, until stopped; see {url[:-4]}", flush=True)
        asyncio.run(_serve(flow, name, cron, given, folder))


async def _serve(
    flow: Flow[Any, Any], name: str, cron: str, parameters: dict[str, Any], folder: str
) -> None:
    tempfile.tempdir, before = folder, tempfile.tempdir  # where the runner keeps its own
    try:
        runner = _Serving(name=name, limit=1)
    finally:
        tempfile.tempdir = before
    await runner.aadd_flow(flow, name=name, cron=cron, parameters=parameters)
    task = asyncio.current_task()
    assert task is not None
    runner.end = task.cancel
    await runner.start()
