"""What the pipeline changes in DVC, so that a setting does not cost more in a larger grid.

DVC by itself reads dvc.yaml and the whole dvc.lock once for each target, rewrites the whole lock
after each stage, and copies the whole run cache with every ``--run-cache``. In a grid of 500
settings that takes longer than training them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline import lockfile

Stamp = tuple[int, int, int] | None
Transfer = Callable[..., list[tuple[str, str]]]


def install() -> None:
    """Change the DVC of this process."""
    import dvc.dvcfile
    from dvc.stage.cache import StageCache

    dvc.dvcfile.modify_yaml = lockfile.modifying(dvc.dvcfile.modify_yaml)
    dvc.dvcfile.load_file = once(dvc.dvcfile.load_file)
    StageCache.transfer = missing(StageCache.transfer)


def once(load_file: Callable[..., Any]) -> Callable[..., Any]:
    """In place of DVC's ``load_file``: a dvc.yaml is read again when it or its lock has changed."""
    known: dict[tuple[int, str], tuple[tuple[Stamp, Stamp], Any]] = {}

    def load(repo: Any, path: Any, **options: Any) -> Any:
        place = Path(os.fspath(path)).absolute()
        if options or place.suffix not in (".yaml", ".yml"):
            return load_file(repo, path, **options)
        now = _stamp(place), _stamp(place.with_suffix(".lock"))
        key = id(repo), str(place)
        if key not in known or known[key][0] != now:
            known[key] = now, load_file(repo, path)
        return known[key][1]

    return load


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def missing(transfer: Transfer) -> Transfer:
    """In place of ``StageCache.transfer``: copies of the run cache what is not there already.

    What a file of it says never changes: its name is the digest of that.
    """

    def copy(cache: Any, source: Any, target: Any, force: bool = True) -> list[tuple[str, str]]:
        from dvc.fs import HTTPFileSystem, generic

        if any(isinstance(one.fs, HTTPFileSystem) for one in (source, target)):
            return transfer(cache, source, target, force)  # DVC says why not
        wanted = sorted(_runs(source) - _runs(target))
        for parts in wanted:
            place = target.fs.join(target.path, *parts)
            generic.copy(source.fs, source.fs.join(source.path, *parts), target.fs, place)
        return [(parts[-2], parts[-1]) for parts in wanted]

    return copy


def _runs(store: Any) -> set[tuple[str, ...]]:
    """Files of a run cache, each as its path's parts from the store's root."""
    runs = store.fs.join(store.path, "runs")
    if not store.fs.exists(runs):
        return set()
    return {tuple(store.fs.relparts(path, store.path)) for path in store.fs.find(runs)}
