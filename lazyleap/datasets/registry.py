"""The registry of downloadable datasets (``data/datasets.yaml``): addresses and digests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lazyleap import yamlfile
from lazyleap.errors import InputError, nearest, short, shown

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Md5 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Archive(_Closed):
    """One known container: its digest and a word on what it is."""

    md5: Md5 | None = None
    sha256: Sha256 | None = None
    note: str


class Part(_Closed):
    """Content that must be in an archive, whatever container holds it.

    ``members``: a glob over member names. ``digest``: of the one member's ``bytes``; of its text
    ``lines``; of the sorted digests of its ``records`` of ``record_bytes`` each, so that any order
    passes; or of the whole ``tree`` of matching members, names and bytes.
    """

    members: str
    digest: Literal["bytes", "lines", "records", "tree"]
    record_bytes: int | None = None
    sha256: Sha256


class File(_Closed):
    """One public file. If ``content`` is given it decides; else one of ``archives`` must match."""

    address: str
    size: str
    container: Literal["zip", "tar.gz", "gz"]
    archives: tuple[Archive, ...]
    content: tuple[Part, ...] = ()


class Entry(_Closed):
    """One dataset: its files by public name, its licence and what to cite."""

    title: str
    licence: str
    citation: str
    source: str
    files: dict[str, File]


def read_registry(path: Path) -> dict[str, Entry]:
    """All entries by name; raises InputError naming file, key and value of the first mistake."""
    raw = yamlfile.read(path)
    if not isinstance(raw, dict):
        raise InputError(f"registry {path} must map dataset names to entries")
    return {name: _entry(path, name, block) for name, block in raw.items()}


def find(path: Path, name: str) -> Entry:
    """One entry; raises InputError with the nearest name if the registry has none of that name."""
    entries = read_registry(path)
    if name not in entries:
        raise InputError(f"dataset '{name}' is not in {path}: {nearest(name, entries)}")
    return entries[name]


def _entry(path: Path, name: str, block: object) -> Entry:
    try:
        return Entry.model_validate(block)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, (name, *first["loc"])))
        raise InputError(
            f"registry {path}, {short(key)}: {first['msg']}, got {shown(first['input'])}"
        ) from None
