"""Values of a YAML file changed in its text, so that comments and layout stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from lazyleap.errors import InputError, shown
from lazyleap.yamlfile import parse

WIDEST = 100  # columns of a line that is added to


Keys = Sequence[str]


class _Edit(NamedTuple):
    """What stands from ``start`` to ``end`` of a text becomes ``words``."""

    start: int
    end: int
    words: str


class _NotOnePieceError(Exception):
    """The place is no piece of the text by itself."""


def put(text: str, keys: Keys, value: Any, path: Path) -> str:
    """``text`` with ``value`` under ``keys``, where mappings that are missing begin; ``path``: its.

    What stands there is replaced, a new key comes last. ``value`` holds numbers, words, lists and
    mappings of them, and is written on one line.

    Raises:
        InputError: if the result would not be the old content with that value, as where the place
            is an alias of another or holds a block of lines.
    """
    changed = _changed(text, {tuple(keys): value}, path)
    if changed is None:
        raise InputError(
            f"{path}: {'.'.join(keys)}: cannot be set to {shown(value)} without a change of more "
            "than that; write it by hand"
        )
    return changed


def put_all(text: str, values: Mapping[tuple[str, ...], Any], path: Path) -> str:
    """:func:`put` of many values by their keys, for two readings of the text in all.

    Raises:
        InputError: as there, of the first that cannot be set.
    """
    changed = _changed(text, values, path)
    if changed is None:  # one of them cannot, or two meet in one place: each by itself tells
        for keys, value in values.items():
            text = put(text, keys, value, path)
        return text
    return changed


def _changed(text: str, values: Mapping[tuple[str, ...], Any], path: Path) -> str | None:
    """The text with all of them; None if it would not hold just that."""
    wanted, edits = parse(text, path), list[_Edit]()
    try:
        root = YAML(typ="safe", pure=True).compose(text)
        for keys, value in values.items():
            wanted = _with(wanted, list(keys), value)
            edits.append(_edit(text, root, list(keys), value))
        changed = text
        for start, end, words in sorted(edits, reverse=True):  # so that no earlier place moves
            changed = changed[:start] + words + changed[end:]
        return changed if parse(changed, path) == wanted else None
    except (InputError, _NotOnePieceError):
        return None


def _with(content: Any, keys: list[str], value: Any) -> Any:
    """A copy in which what was an alias of the place stays as it was."""
    if not keys:
        return value
    if not isinstance(content, dict):
        raise _NotOnePieceError
    return {**content, keys[0]: _with(content.get(keys[0], {}), keys[1:], value)}


def _edit(text: str, node: Node, keys: list[str], value: Any) -> _Edit:
    if not keys:
        return _replace(node, value)
    if not isinstance(node, MappingNode):
        raise _NotOnePieceError
    for key, child in node.value:
        if key.value == keys[0]:
            return _edit(text, child, keys[1:], value)
    for name in reversed(keys[1:]):
        value = {name: value}
    return _insert(text, node, f"{keys[0]}: {flow(value)}")


def _replace(node: Node, value: Any) -> _Edit:
    if not _one_piece(node):
        raise _NotOnePieceError
    return _Edit(node.start_mark.index, node.end_mark.index, flow(value))


def _insert(text: str, mapping: MappingNode, words: str) -> _Edit:
    """A new ``key: value`` after those that a mapping has."""
    if not mapping.value:
        at = mapping.start_mark.index + 1
        return _Edit(at, at, words)
    last = mapping.value[-1][1]
    if not _one_piece(last):
        raise _NotOnePieceError
    at, column = last.end_mark.index, mapping.start_mark.column
    if mapping.flow_style:
        wide = last.end_mark.column + len(words) + 3 > WIDEST
        return _Edit(at, at, (f",\n{' ' * (column + 1)}" if wide else ", ") + words)
    ends = text.find("\n", at)
    ends = len(text) if ends < 0 else ends
    return _Edit(ends, ends, f"\n{' ' * column}{words}")


def _one_piece(node: Node) -> bool:
    """Whether its marks are where it begins and ends; a block's end is on a later line."""
    if isinstance(node, ScalarNode):
        return node.style not in ("|", ">")
    return isinstance(node, CollectionNode) and bool(node.flow_style)


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
