"""Is a file what the registry says? Digests of what an archive holds, not only of the archive."""

from __future__ import annotations

import fnmatch
import hashlib
from pathlib import Path

from lazyleap.datasets import archives
from lazyleap.datasets.registry import File, Part
from lazyleap.errors import InputError

Members = dict[str, bytes]


def check(path: Path, file: File, called: str = "") -> str:
    """Verify one file and say which container it is, in the registry's words.

    Content digests decide where the registry has them: the same content may come in another
    container. Raises InputError with path (or what the file is ``called``) and digests.
    Cost: reads and unpacks the file once, holding its content in memory.
    """
    called = called or str(path)
    known = [archive.note for archive in file.archives if _is(path, archive.md5, archive.sha256)]
    if file.content:
        members = unpack(path, file.container, called)
        for part in file.content:
            _check_part(called, part, members)
    elif not known:
        found = _digest(path, "sha256")
        raise InputError(f"{called} has sha256 {found}, which is none of the registry's digests")
    return known[0] if known else "same content in a container the registry does not list"


def unpack(path: Path, container: str, called: str = "") -> Members:
    """All files of an archive by name, in memory; InputError as :func:`archives.members`."""
    return dict(archives.members(path, container, called=called))


def digest(part: Part, members: Members) -> str:
    """Sha256 of the matching members as ``part.digest`` says; of nothing if there are none."""
    names = sorted(name for name in members if _wanted(name, part.members))
    total = hashlib.sha256()
    for name in names:
        if part.digest == "tree":
            total.update(f"{name}\0{len(members[name])}\0".encode())
        total.update(_canonical(members[name], part))
    return total.hexdigest()


def _wanted(name: str, pattern: str) -> bool:
    # what macOS adds to zips is no part of a dataset
    return fnmatch.fnmatch(name, pattern) and not name.startswith("__MACOSX/")


def _canonical(raw: bytes, part: Part) -> bytes:
    if part.digest == "lines":
        return b"\n".join(line.strip() for line in raw.splitlines() if line.strip())
    if part.digest == "records":
        step = part.record_bytes or len(raw)
        pieces = (raw[start : start + step] for start in range(0, len(raw), step))
        return b"".join(sorted(hashlib.sha256(piece).digest() for piece in pieces))
    return raw


def _check_part(called: str, part: Part, members: Members) -> None:
    found = digest(part, members)
    if found != part.sha256:
        raise InputError(
            f"{called}: '{part.members}' has {part.digest} sha256 {found}, expected {part.sha256}"
        )


def _is(path: Path, md5: str | None, sha256: str | None) -> bool:
    if md5 and _digest(path, "md5") != md5:
        return False
    if sha256 and _digest(path, "sha256") != sha256:
        return False
    return bool(md5 or sha256)


def _digest(path: Path, kind: str) -> str:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, kind).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
