"""What a run was made with: device, hardware, versions, commit."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from lazyleap.errors import InputError

CODE = ("--", ".", ":!dvc.lock", ":!*/dvc.lock")  # a run itself rewrites the lock files


def device(wanted: str) -> torch.device:
    """The device that params.yaml names; ``auto`` takes a GPU where there is one."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("device: cuda was asked for, but torch sees no GPU here; use auto or cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def describe(chosen: torch.device, threads: int) -> dict[str, Any]:
    """Plain facts for record.json."""
    return {
        "device": chosen.type,
        "hardware": _hardware(chosen),
        "threads": threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": _git("rev-parse", "HEAD") or "unknown",
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no", *CODE)),
        "command": shlex.join(["python", "-m", _module(), *sys.argv[1:]]),
    }


def _module() -> str:
    return f"stages.{Path(sys.argv[0]).stem}"


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _hardware(chosen: torch.device) -> str:
    if chosen.type == "cuda":
        return torch.cuda.get_device_name(chosen)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor() or "unknown CPU"
