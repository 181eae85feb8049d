"""One value of a YAML file changed in its text, so that comments and layout stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from lazyleap.errors import InputError, shown
from lazyleap.yamlfile import parse

WIDEST = 100  # columns of a line that is added to


def put(text: str, keys: Sequence[str], value: Any, path: Path) -> str:
    """``text`` with ``value`` under ``keys``, where mappings that are missing begin; ``path``: its.

    What stands there is replaced, a new key comes last. ``value`` holds numbers, words, lists and
    mappings of them, and is written on one line.

    Raises:
        InputError: if the result would not be the old content with that value, as where the place
            is an alias of another or holds a block of lines.
    """
    content = parse(text, path)
    try:
        wanted = _with(content, list(keys), value)
        changed = _edit(text, YAML(typ="safe", pure=True).compose(text), list(keys), value)
        right = parse(changed, path) == wanted
    except (InputError, NotImplementedError):
        right = False
    if not right:
        raise InputError(
            f"{path}: {'.'.join(keys)}: cannot be set to {shown(value)} without a change of more "
            "than that; write it by hand"
        )
    return changed


def _with(content: Any, keys: list[str], value: Any) -> Any:
    """A copy in which what was an alias of the place stays as it was."""
    if not keys:
        return value
    if not isinstance(content, dict):
        raise NotImplementedError
    return {**content, keys[0]: _with(content.get(keys[0], {}), keys[1:], value)}


def _edit(text: str, node: Node, keys: list[str], value: Any) -> str:
    if not keys:
        return _replace(text, node, value)
    if not isinstance(node, MappingNode):
        raise NotImplementedError
    for key, child in node.value:
        if key.value == keys[0]:
            return _edit(text, child, keys[1:], value)
    for name in reversed(keys[1:]):
        value = {name: value}
    return _insert(text, node, f"{keys[0]}: {flow(value)}")


def _replace(text: str, node: Node, value: Any) -> str:
    if not _one_piece(node):
        raise NotImplementedError
    return text[: node.start_mark.index] + flow(value) + text[node.end_mark.index :]


def _insert(text: str, mapping: MappingNode, words: str) -> str:
    """A new ``key: value`` after those that a mapping has."""
    if not mapping.value:
        at = mapping.start_mark.index + 1
        return text[:at] + words + text[at:]
    last = mapping.value[-1][1]
    if not _one_piece(last):
        raise NotImplementedError
    at, column = last.end_mark.index, mapping.start_mark.column
    if mapping.flow_style:
        wide = last.end_mark.column + len(words) + 3 > WIDEST
        return text[:at] + (f",\n{' ' * (column + 1)}" if wide else ", ") + words + text[at:]
    ends = text.find("\n", at)
    ends = len(text) if ends < 0 else ends
    return f"{text[:ends]}\n{' ' * column}{words}{text[ends:]}"


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
