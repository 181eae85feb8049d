"""Prefect's pages and TensorBoard, side by side until they are stopped: ``lazyleap ui``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

EVENTS = {"finished": "artifacts/record", "tested": "artifacts/evaluate", "running": ".scratch"}
GRACE = 10.0  # seconds between asking a page's program to end and ending it


def ui(port: int, tensorboard: int) -> int:
    """Serve both on this machine alone; the exit code of the first that ends by itself."""
    print(f"Prefect: http://127.0.0.1:{port}    TensorBoard: http://127.0.0.1:{tensorboard}")
    url = _env(port)["PREFECT_SERVER_UI_API_URL"]
    print(f"Runs show up live with: PREFECT_API_URL={url} lazyleap run", flush=True)
    pages = [_start(_tensorboard(tensorboard), quiet=True), _start(_prefect(port), _env(port))]
    try:
        while all(page.poll() is None for page in pages):
            time.sleep(0.2)
        return next(code for page in pages if (code := page.poll()) is not None)
    except KeyboardInterrupt:
        return 0
    finally:
        for page in pages:
            _stop(page)


def _prefect(port: int) -> list[str]:
    return ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]


def _tensorboard(port: int) -> list[str]:
    for folder in EVENTS.values():
        Path(folder).mkdir(parents=True, exist_ok=True)
    where = ",".join(f"{name}:{folder}" for name, folder in EVENTS.items())
    return ["tensorboard.main", "--logdir_spec", where, "--port", str(port)]


def _env(port: int) -> dict[str, str]:
    return {"PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api"}


def _start(
    module: list[str], more: dict[str, str] | None = None, quiet: bool = False
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *module],
        env={**os.environ, **(more or {})},
        stderr=subprocess.DEVNULL if quiet else None,
        start_new_session=True,  # Ctrl-C is ours to pass on, once
    )


def _stop(page: subprocess.Popen[bytes]) -> None:
    """End the program and all it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(page.pid, number)
            page.wait(GRACE)
        except (ProcessLookupError, PermissionError):
            return
        except subprocess.TimeoutExpired:
            continue
