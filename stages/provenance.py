"""Which commit holds what a result was made of, and what no commit holds."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import torch

MADE_OF = ("lazyleap", "lazyleap.lock", "stages", "data", "dvc.yaml", "requirements.lock")
OTHER = (":!*dvc.lock", ":!*.ipynb")  # a run itself rewrites locks; nothing imports a notebook


def commit() -> str:
    """The commit that is checked out; "unknown" outside of a repository."""
    return _git("rev-parse", "HEAD").strip() or "unknown"


def uncommitted(*more: str) -> list[str]:
    """Files that results are made of and the commit does not hold as they are, by name.

    Edited and untracked ones; ``more``: parameters, and a folder of the user's code, which no
    commit holds where it lies outside of the repository.
    """
    root = Path.cwd()
    outside = [path for path in more if not Path(path).resolve().is_relative_to(root)]
    inside = [path for path in (*MADE_OF, *more) if path not in outside]
    command = ("status", "--porcelain", "--no-renames", "--untracked-files=all", "-z")
    lines = _git(*command, "--", *inside, *OTHER).split("\0")
    return sorted({*(line[3:] for line in lines if line), *outside})


def stamp(*more: str) -> str:
    """The commit, with ``-dirty`` where it does not hold all."""
    return commit() + ("-dirty" if uncommitted(*more) else "")


def processor() -> str:
    """The CPU's name and its cores, as the operating system has them."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor() or "unknown CPU"


def instruction_set() -> str:
    """What torch's kernels use of it, such as ``x86_64 AVX512``: sums are ordered by it."""
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
