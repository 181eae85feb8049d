"""Another look at a params.yaml that was taken: does it say what was read?

By PyYAML, which knows nothing of how :mod:`lazyleap.yamlfile` reads: words alone, each key of a
mapping however often it stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lazyleap import yamlfile

WHOLE = re.compile(r"[-+]?[0-9]+")
PARTS = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?")
LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # the first is the faster
QUOTED = ("'", '"')


def fault(path: Path) -> str:
    """What is lost or misread of the file; empty if nothing is."""
    try:
        root = yaml.compose(path.read_text(), Loader=LOADER)
    except yaml.YAMLError:
        return ""  # YAML 1.1 alone refuses it
    return next(_faults(root, yamlfile.read(path), ""), "")


def _faults(node: Any, found: Any, where: str) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        if "<<" in keys:
            return
        if len(set(keys)) < len(keys) or set(keys) != set(found):
            yield f"lost: {where}: keys {keys}, read {list(found)}"
            return
        for key, value in node.value:
            yield from _faults(value, found[key.value], f"{where}.{key.value}")
    elif isinstance(node, yaml.SequenceNode):
        if len(node.value) != len(found):
            yield f"lost: {where}: {len(node.value)} values, read {len(found)}"
            return
        for value, one in zip(node.value, found, strict=True):
            yield from _faults(value, one, where)
    elif not _same(node, found):
        yield f"differs: {where}: {node.value!r}, read {found!r}"


def _same(node: Any, found: Any) -> bool:
    word: str = node.value
    if node.style in QUOTED:
        return bool(found == word)
    if WHOLE.fullmatch(word):
        return bool(found == int(word))
    if PARTS.fullmatch(word):
        return bool(found == float(word))
    if isinstance(found, float):
        return word.lower().endswith((".inf", ".nan"))
    return isinstance(found, str | bool | None) or word.startswith(("0x", "0o"))
