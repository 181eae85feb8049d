"""Checkpoints of a setting in DVC's remote, for whoever goes on when a worker is gone."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lazyleap.errors import InputError
from stages import folders

FILE = "checkpoint.pt"
PLACE = ("lazyleap", "checkpoints")  # below the remote's root, beside what DVC keeps there


class Kept:
    """Of one run of a grid: an archive for each fingerprint of what its training depends on.

    Raises:
        InputError: if the project has no default remote.
    """

    def __init__(self, grid: str, run: str) -> None:
        self.work = folders.scratch(grid, run, "x").parent
        self.files, place = _remote()
        self.folder = self.files.join(place, *PLACE, grid, run)

    def push(self) -> None:
        """Copy every checkpoint there is, whole or not at all."""
        for path in sorted(self.work.glob(f"*/{FILE}")):
            with tempfile.NamedTemporaryFile(suffix=".tar") as file:
                try:
                    _pack(path.parent, file.name)
                except FileNotFoundError:
                    continue  # training has just ended
                beside = self.files.join(self.folder, f"{uuid.uuid4().hex}.tmp")
                self.files.makedirs(self.folder)
                self.files.put_file(file.name, beside)
                self.files.move(beside, self.files.join(self.folder, f"{path.parent.name}.tar"))

    def pull(self) -> list[str]:
        """Fetch the checkpoints that are newer than those here; their fingerprints."""
        fetched = []
        for path in self._archives():
            with tempfile.TemporaryDirectory() as folder:
                archive, unpacked = Path(folder) / "x.tar", Path(folder) / "unpacked"
                self.files.get_file(path, str(archive))
                _unpack(archive, unpacked)
                if _take(unpacked, self.work / Path(path).stem):
                    fetched.append(Path(path).stem)
        return fetched

    def forget(self) -> None:
        """Remove what is kept: the setting is trained."""
        if self.files.exists(self.folder):
            self.files.remove(self.folder, recursive=True)

    @contextmanager
    def pushing(self, seconds: float) -> Iterator[None]:
        """Push every so often; once more at the end, however that comes."""
        over = threading.Event()

        def work() -> None:
            while not over.wait(seconds):
                with suppress(Exception):  # the next one may get through
                    self.push()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.push()

    def _archives(self) -> list[str]:
        if not self.files.exists(self.folder):
            return []
        return sorted(path for path in self.files.find(self.folder) if path.endswith(".tar"))


def _remote() -> tuple[Any, str]:
    from dvc.exceptions import DvcException  # a second: for workers alone
    from dvc.repo import Repo

    with Repo() as repo:
        try:
            remote = repo.cloud.get_remote()
        except DvcException as error:
            raise InputError(
                "sweep: this project has no default remote; dvc remote add -d NAME URL"
            ) from error
        return remote.fs, remote.path


def _pack(folder: Path, archive: str) -> None:
    """The checkpoint first: events that are ahead of it are written again."""
    with tarfile.open(archive, "w") as tar:
        for name in (FILE, "tensorboard"):
            if (folder / name).exists() or name == FILE:
                tar.add(folder / name, name)


def _unpack(archive: Path, place: Path) -> None:
    """The files below ``place``, and nothing else; ``extractall`` is safe since 3.11.4 alone."""
    with tarfile.open(archive) as tar:
        for member in tar:
            target = place / member.name
            content = tar.extractfile(member) if member.isreg() else None
            if content and target.resolve().is_relative_to(place.resolve()):
                target.parent.mkdir(parents=True, exist_ok=True)
                with content, target.open("wb") as file:
                    shutil.copyfileobj(content, file)
                os.utime(target, (member.mtime, member.mtime))


def _take(unpacked: Path, work: Path) -> bool:
    """Move what was fetched to where training looks, if that is older or not there."""
    own = work / FILE
    if own.exists() and own.stat().st_mtime >= (unpacked / FILE).stat().st_mtime:
        return False
    work.mkdir(parents=True, exist_ok=True)
    for found in (unpacked / "tensorboard").glob("*"):
        (work / "tensorboard").mkdir(exist_ok=True)
        (work / "tensorboard" / found.name).write_bytes(found.read_bytes())
    shutil.copy2(unpacked / FILE, own.with_suffix(".new"))
    own.with_suffix(".new").replace(own)
    return True
