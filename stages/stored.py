"""Is what a stage made also stored? DVC goes on, and ends well, when its cache has no room.

Read from DVC's files alone: stages run without DVC, and then there is nothing to ask.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import yaml

from lazyleap.errors import DiskError, InputError, short
from lazyleap.files import refuses
from stages import folders

DVC = Path(".dvc")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # some ten times faster; a lock has MiB
MADE = "made"  # beside a checkpoint: the digest of what it ended in


def by_dvc() -> bool:
    """Whether DVC started this stage."""
    return "DVC_STAGE" in os.environ


def note(work: Path, result: Path) -> None:
    """Leave in ``work`` the digest by which DVC will store ``result``."""
    digest = hashlib.md5(result.read_bytes(), usedforsecurity=False)
    (work / MADE).write_text(digest.hexdigest())


def forget(work: Path) -> None:
    """Empty ``work`` if its result is stored: who asks again wants it trained again."""
    made = work / MADE
    if not made.is_file() or not _file(made.read_text()).is_file():
        return
    for path in (made, work / "checkpoint.pt"):
        path.unlink(missing_ok=True)
    shutil.rmtree(work / "tensorboard", ignore_errors=True)


def settle(lock: Path, grid: str, runs: list[str]) -> None:
    """Forget the checkpoints of trainings whose results are stored; the others stay.

    Args:
        lock: DVC's, which says what is stored.
        grid: whose runs these are.
        runs: the finished ones.

    Raises:
        DiskError: if something is not stored because the cache is full or read-only.
    """
    if not by_dvc():
        return
    kept = {path: is_stored(digest) for path, digest in outs(lock).items()}
    for run in runs:
        if kept.get(folders.trained(grid, run).as_posix()):
            shutil.rmtree(folders.scratch(grid, run, "x").parent, ignore_errors=True)
    missing = [path for path, there in kept.items() if not there]
    if missing and (why := refuses(cache())):
        raise DiskError(
            f"{cache()}: DVC could not store {missing[0]} ({why}); nothing is lost: "
            "make room, then the next run stores it"
        )


def outs(lock: Path) -> dict[str, str]:
    """Path and digest of each out that the lock says is stored.

    Raises:
        InputError: if the lock is broken.
    """
    if not lock.is_file():
        return {}
    try:
        stages = read(lock)["stages"].values()
        found = [out for stage in stages for out in stage.get("outs", [])]
        return {str(out["path"]): str(out["md5"]) for out in found if out.get("md5")}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{lock}: is no lock of DVC's ({short(error)})") from error


def read(lock: Path) -> Any:
    """All that a lock says."""
    return yaml.load(lock.read_text(), LOADER)  # noqa: S506 - both are safe


def is_stored(digest: str) -> bool:
    """Whether the cache has a file, or a folder and all that is in it."""
    if not _file(digest).is_file():
        return False
    if not digest.endswith(".dir"):
        return True
    try:
        members: list[dict[str, Any]] = json.loads(_file(digest).read_text())
        return all(_file(member["md5"]).is_file() for member in members)
    except (ValueError, KeyError, TypeError):
        return False


def cache() -> Path:
    """The folder of DVC's cache."""
    config = configparser.ConfigParser(interpolation=None)
    config.read([DVC / "config", DVC / "config.local"])
    return DVC / config.get("cache", "dir", fallback="cache")


def _file(digest: str) -> Path:
    return cache() / "files" / "md5" / digest[:2] / digest[2:]
