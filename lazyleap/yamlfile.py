"""YAML files as DVC reads them (YAML 1.2), and nothing that could be misread or run away.

Both must see the same values: ``010`` is ten, ``3e-3`` a number, ``1:30`` and ``yes`` are words. A
key that stands twice would silently lose what the first one said, so it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent, Event
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lazyleap.errors import InputError, short

LARGEST = 2**20  # bytes of a file
DEEPEST = 20  # levels
MOST = 100_000  # values, those behind an alias counted at each use
ODD = re.compile(r"_|^[-+]?0[bB]")  # taken for numbers by ruamel.yaml, for words by YAML 1.2
DIGITS = 100  # of a whole number: Python itself refuses to write one of 4,300
PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool")}
WORDS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"}
PLAIN |= {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}


def read(path: Path) -> Any:
    """What a YAML file holds: mappings with words for keys, lists, words, numbers, booleans, null.

    Raises:
        InputError: one sentence with the file and the line, if it cannot be read, is not YAML 1.2,
            has a key twice, another kind of value (a date, a tag), or is too large or too deep.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({short(error)})") from error
    if len(content) > LARGEST:
        raise InputError(f"{path}: is larger than {LARGEST // 2**20} MiB")
    return parse(text, path)


def parse(text: str, path: Path) -> Any:
    """As :func:`read`, of a text; ``path`` is for the sentence."""
    yaml = YAML(typ="safe")
    try:
        _check_depth(YAML(typ="safe").parse(text), path)  # composing recurses, beyond any catching
        root = yaml.compose(text)
        if root is not None:
            _check(root, path)
        return yaml.load(text)
    except InputError:
        raise
    except Exception as error:  # a wrong number or date raises what int() or date() raises
        raise InputError(f"{path}: is not YAML ({short(error)})") from error


def _check_depth(events: Iterable[Event], path: Path) -> None:
    depth = 0
    for event in events:
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            line = event.start_mark.line + 1
            raise InputError(f"{path}, line {line}: is nested more than {DEEPEST} levels deep")


def _check(root: Node, path: Path) -> None:
    """Refuse what composes but must not be constructed; without recursion, whatever the depth."""
    queue, seen = [(root, 0)], 0
    while queue:
        node, depth = queue.pop()
        seen += 1
        line = f"{path}, line {node.start_mark.line + 1}"
        if depth > DEEPEST:
            raise InputError(f"{line}: is nested more than {DEEPEST} levels deep")
        if seen > MOST:
            raise InputError(f"{path}: holds more than {MOST:,} values")
        word = str(node.tag).rpartition(":")[2]
        if str(node.tag) not in PLAIN:
            raise InputError(f"{line}: a {short(word)} is neither a word, a number nor a list")
        if isinstance(node, ScalarNode) and word == "int" and len(node.value) > DIGITS:
            raise InputError(f"{line}: a number of {len(node.value):,} digits")
        if word in ("int", "float") and ODD.search(node.value):
            raise InputError(f"{line}: {short(node.value)} is not how YAML 1.2 writes a number")
        if isinstance(node, MappingNode):
            _check_keys(node, path)
            queue += [(child, depth + 1) for pair in node.value for child in pair]
        elif isinstance(node, SequenceNode):
            queue += [(child, depth + 1) for child in node.value]


def _check_keys(node: MappingNode, path: Path) -> None:
    lines: dict[Hashable, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode) or str(key.tag) not in WORDS:
            raise InputError(f"{path}, line {line}: a key must be a word")
        if (first := lines.get(key.value)) is not None:
            raise InputError(
                f"{path}: key '{short(key.value)}' stands on line {first} and again on line {line}"
            )
        lines[key.value] = line
