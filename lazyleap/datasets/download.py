"""Fetch public files: from a mirror folder if there is one, else from their address."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pooch
import requests

from lazyleap.datasets.content import check
from lazyleap.datasets.registry import Entry, File
from lazyleap.errors import InputError
from lazyleap.files import REFUSALS, mask, storing

MIRROR = "LAZYLEAP_DATA_MIRROR"
TIMEOUT = 30  # seconds without an answer


def fetch(entry: Entry, folder: Path, progress: Any = False, retries: int = 3) -> dict[str, str]:
    """Bring all files of a dataset into ``folder``, verified; a file that is there and right stays.

    Each file is first looked for, by its public name, in the folder that LAZYLEAP_DATA_MIRROR
    names. It appears in ``folder`` whole and verified, or not at all. ``progress`` is given to
    pooch: True draws a bar on stderr. Returns, by file, which container it was.
    Raises InputError: offline, wrong content, or a mirror that is no folder.
    """
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return {
        name: _fetch_file(name, file, folder, progress, retries)
        for name, file in entry.files.items()
    }


def _fetch_file(name: str, file: File, folder: Path, progress: Any, retries: int) -> str:
    target, mirrored = folder / name, _mirrored(name)
    if target.is_file() and (kept := _right(target, file)):
        return kept
    if mirrored:  # checked where it lies: a wrong file is named by the path its owner knows
        note = check(mirrored, file)
    with (
        storing(target),
        tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder.parent) as scratch,
    ):
        part = Path(scratch) / name
        if mirrored:
            shutil.copyfile(mirrored, part)
        else:
            _download(file.address, part, progress, retries)
            note = check(part, file, called=file.address)
            part.chmod(0o666 & ~mask())  # as any file that is written; pooch closes it to others
        part.replace(target)
    return note


def _right(path: Path, file: File) -> str:
    try:
        return check(path, file)
    except InputError:
        return ""


def _mirrored(name: str) -> Path | None:
    folder = os.environ.get(MIRROR)
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise InputError(f"{MIRROR} is '{folder}', which is not a folder")
    path = Path(folder) / name
    return path if path.is_file() else None


def _download(address: str, part: Path, progress: Any, retries: int) -> None:
    pooch.get_logger().setLevel("WARNING")
    source = pooch.create(
        path=part.parent,
        base_url="",
        registry={part.name: None},
        urls={part.name: address},
        retry_if_failed=retries,
    )
    downloader = pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT)
    try:
        source.fetch(part.name, downloader=downloader)
    except (requests.RequestException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in REFUSALS:
            raise  # of the disk
        raise InputError(
            f"cannot download {address} ({_reason(error)}): try again with a network, or put"
            f" {part.name} into a folder and set {MIRROR} to that folder"
        ) from error


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    return f"HTTP {response.status_code}" if response is not None else type(error).__name__
