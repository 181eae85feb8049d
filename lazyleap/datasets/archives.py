"""What archives hold, read in memory: within bounds, nothing is ever unpacked to disk.

Only ordinary files count: links, devices and folders are passed over.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from lazyleap.errors import InputError, short

LARGEST = 2**30  # bytes of all members together, unpacked
MEMBERS = 200_000
KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
LARGER = f"it would unpack to more than {LARGEST // 2**20:,} MiB"


class _RefusedError(Exception):
    """Nothing is damaged, and it is not read; the message is for a sentence."""


def members(
    path: Path,
    container: str,
    wanted: Callable[[str], object] = bool,
    called: str = "",
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in an archive (``zip``, ``tar.gz``, ``gz``) that is ``wanted``.

    Raises:
        InputError: with the path (or what the archive is ``called``), if it does not exist, is
            truncated, damaged, encrypted or packed by an unknown method, or would unpack to more
            than 1 GiB or 200,000 members.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: fetch the dataset first")
    try:
        yield from READERS[container](path, wanted)
    except InputError:
        raise
    except _RefusedError as error:
        raise InputError(f"{called or path} is refused: {error}") from error
    except Exception as error:  # of zip, tar, zlib and struct: a damaged archive raises any
        raise InputError(f"{called or path} is truncated or damaged: {short(error)}") from error


def _zip(path: Path, wanted: Callable[[str], object]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        _check(len(files), sum(info.file_size for info in files))
        for info in filter(lambda info: wanted(info.filename), files):
            if info.flag_bits & 1:
                raise _RefusedError(f"{short(info.filename)} is encrypted")
            if info.compress_type not in KNOWN:
                raise _RefusedError(
                    f"{short(info.filename)} is packed by method {info.compress_type}, not deflated"
                )
            yield info.filename, archive.read(info)  # no more than its file_size


def _tar(path: Path, wanted: Callable[[str], object]) -> Iterator[tuple[str, bytes]]:
    with gzip.open(path) as unpacked:
        # As a stream that only goes forward, so that no header sends it back and forth for ever.
        limited = io.BufferedReader(_Limited(unpacked))
        with tarfile.open(fileobj=limited, mode="r|") as archive:
            total = 0
            for count, member in enumerate(archive, 1):
                total += member.size if member.size >= 0 else LARGEST + 1
                _check(count, total)
                handle = archive.extractfile(member) if member.isreg() else None
                if handle and wanted(member.name):
                    yield member.name, _whole(handle, member.size)


def _gz(path: Path, wanted: Callable[[str], object]) -> Iterator[tuple[str, bytes]]:
    if wanted(path.stem):
        with gzip.open(path) as unpacked:
            found = unpacked.read(LARGEST + 1)
        _check(1, len(found))
        yield path.stem, found


READERS = {"zip": _zip, "tar.gz": _tar, "gz": _gz}


def _whole(handle: IO[bytes], size: int) -> bytes:
    found = handle.read()
    if len(found) != size:
        raise EOFError(f"{size - len(found):,} bytes are missing at the end")
    return found


def _check(count: int, size: int) -> None:
    if count > MEMBERS:
        raise _RefusedError(f"it has more than {MEMBERS:,} members")
    if size > LARGEST:
        raise _RefusedError(LARGER)


class _Limited(io.RawIOBase):
    """What another file holds, up to the bound, whatever sizes are written in it."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self.file, self.left = file, LARGEST

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as there is something."""
        found = self.file.read(len(buffer))
        self.left -= len(found)
        if self.left < 0:
            raise _RefusedError(LARGER)
        buffer[: len(found)] = found
        return len(found)
