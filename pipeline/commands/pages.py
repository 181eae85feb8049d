"""Prefect's pages and TensorBoard, side by side until they are stopped: ``lazyleap ui``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from pipeline import leash, server

EVENTS = {"finished": "artifacts/record", "tested": "artifacts/evaluate", "running": ".scratch"}


def ui(port: int, tensorboard: int) -> int:
    """Serve both on this machine alone; the exit code of the first that ends by itself."""
    print(f"Prefect: http://127.0.0.1:{port}    TensorBoard: http://127.0.0.1:{tensorboard}")
    url = _env(port)["PREFECT_SERVER_UI_API_URL"]
    print(f"Runs show up live with: PREFECT_API_URL={url} lazyleap run", flush=True)
    pages = [_start(_tensorboard(tensorboard), quiet=True), _start(server.pages(port), _env(port))]
    try:
        while all(page.poll() is None for page in pages):
            time.sleep(0.2)
        return next(code for page in pages if (code := page.poll()) is not None)
    except KeyboardInterrupt:
        return 0
    finally:
        for page in pages:
            leash.stop(page)


def _tensorboard(port: int) -> list[str]:
    for folder in EVENTS.values():
        Path(folder).mkdir(parents=True, exist_ok=True)
    where = ",".join(f"{name}:{folder}" for name, folder in EVENTS.items())
    return [sys.executable, "-m", "tensorboard.main", "--logdir_spec", where, "--port", str(port)]


def _env(port: int) -> dict[str, str]:
    return {"PREFECT_SERVER_UI_API_URL": server.address(port)}


def _start(
    command: list[str], more: dict[str, str] | None = None, quiet: bool = False
) -> subprocess.Popen[bytes]:
    errors = subprocess.DEVNULL if quiet else None
    return leash.start(command, env={**os.environ, **(more or {})}, stderr=errors)
