"""``dvc.lock`` with one stage changed, as DVC would write it, without parsing and writing the rest.

For each stage that ends DVC parses the whole lock and writes it again, in pure Python: seconds a
stage in a grid of 500 settings. Here the lines of that stage are put in place of the old ones.
What is not as DVC writes it, or changed otherwise than by whole stages, is left to DVC.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import yaml

NAME = "dvc.lock"
ASIDE = Path(".dvc/tmp")  # of the project, where DVC runs
Modify = Callable[..., AbstractContextManager[dict[str, Any]]]
_HEAD = "schema: '2.0'\nstages:\n"
_STAGE = re.compile(r"^  ([\w@./-]+):$", re.MULTILINE)
_last: dict[str, tuple[str, dict[str, Any]]] = {}  # what was written here, and what it says


def modifying(dvcs_own: Modify) -> Modify:
    """In place of DVC's ``modify_yaml(path, fs=None)``: a context whose mapping is written back."""

    @contextmanager
    def modify(path: str, fs: Any = None) -> Iterator[dict[str, Any]]:
        known = _read(path)
        if known is None:
            with dvcs_own(path, fs=fs) as data:
                yield data
            return
        text, data = known
        before = dict(data["stages"])
        yield data
        new = _spliced(text, before, data)
        if new is None:
            from dvc.utils.serialize import dump_yaml

            dump_yaml(path, data, fs=fs)
            return
        _write(Path(path), new)
        _last[str(path)] = new, data

    return modify


def _read(path: str) -> tuple[str, dict[str, Any]] | None:
    """The text and what it says; None where this is no lock as DVC writes it."""
    if Path(path).name != NAME or not ASIDE.is_dir():
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    last = _last.pop(str(path), None)  # to be changed, and noted again once that is written
    if last is not None and last[0] == text:
        return last
    try:
        data = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError:
        return None
    whole = text.startswith(_HEAD) and isinstance(data, dict) and _nothing_else(data)
    if not whole or _STAGE.findall(text) != [*(data["stages"] or ())]:
        return None
    return text, data


def _nothing_else(data: dict[str, Any]) -> bool:
    return [*data] == ["schema", "stages"] and data["schema"] == "2.0"


def _spliced(text: str, old: dict[str, Any], data: dict[str, Any]) -> str | None:
    """The text with the stages that changed from ``old``; None if more did."""
    from dvc.utils.serialize import dumps_yaml

    new = data["stages"]
    if not _nothing_else(data) or old.keys() - new:
        return None
    for name in (name for name, said in new.items() if old.get(name) != said):
        if not _STAGE.fullmatch(f"  {name}:"):
            return None
        block = dumps_yaml({"stages": {name: new[name]}}).removeprefix("stages:\n")
        start, end = _lines_of(text, name)
        text = text[:start] + block + text[end:]
    return text


def _lines_of(text: str, name: str) -> tuple[int, int]:
    """Where a stage's lines begin and end; both are the end of the text for a new stage."""
    found = text.find(f"\n  {name}:\n")
    if found < 0:
        return len(text), len(text)
    following = _STAGE.search(text, found + len(name) + 4)
    return found + 1, following.start() if following else len(text)


def _write(path: Path, text: str) -> None:
    """All at once: who reads meanwhile, and who is killed, leaves the old lock."""
    beside = ASIDE / f"{path.name}.{os.getpid()}"
    try:
        beside.write_text(text, encoding="utf-8")
        beside.chmod(path.stat().st_mode & 0o777)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
