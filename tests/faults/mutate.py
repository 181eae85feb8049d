"""Small faults in files: seeded, so that a number stands for a mutant for ever."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Mutate = Callable[[bytes, random.Random], bytes]

LONG = "x" * 100_000
HOSTILE = (  # values of YAML and JSON
    "2026-02-30", "2026-02-28", "!!int abc", "!!bool maybe", "!!timestamp x", "!!binary aGk=",
    "!!set {a}", "!!python/object:os.system x", "9" * 5000, "9" * 400, "0x" + "f" * 9000, "010",
    "1:30", "3e-3", "1e999", "-1", "0", "1.5", ".nan", ".inf", "-.inf", "yes", "null", "~", "''",
    "[]", "{}", "[1, 2]", "{a: 1}", "[" * 500 + "]" * 500, "{a: " * 40 + "}" * 40, LONG, "'\\0'",
    '"\\0"', '"\\n"', '"$(touch pwned)/../"', "'`touch pwned`'", "--help", "-", "../../..", "/",
    "1000000000", "18446744073709551616", "&a [*a]", "*a", "<<", "? [a]", "!x y", "%", "@", "`",
    "\u202e", "\U0001f600", "true", "false", "'0.1'", "a:b", "os:system", ":", "..:x", "sys:path",
)  # fmt: skip
NUMBERS = ("0N", "N0", "N.0", "-N", "+N", "Ne-3", "0xN", "0oN", "0bN", "N_0", "N:30", "'N'", ".N")
PIECES = (*"{}[]:,&*!|>'\"%@`-?#\t\n 0123456789.e~\\\0", "!!int ", "<<: ", "---\n", "...\n", "\r")


def yaml(content: bytes, chance: random.Random) -> bytes:
    """One to three faults in a text of lines ``key: value``; most have one."""
    text = content.decode()
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        text = chance.choice((_value, _number, _line, _characters, _key))(text, chance)
    return text.encode("utf-8", "surrogatepass")


def _value(text: str, chance: random.Random) -> str:
    """Another value for one key, in a line or in braces."""
    places = [i for i, c in enumerate(text) if c == ":"]
    if not places:
        return text
    at = chance.choice(places) + 1
    end = min((e for c in ",}\n#" if (e := text.find(c, at)) >= 0), default=len(text))
    return f"{text[:at]} {chance.choice(HOSTILE)}{text[end:]}"


def _number(text: str, chance: random.Random) -> str:
    """A number written otherwise, or another one."""
    places = list(re.finditer(r"(?<=[ \[])[0-9][0-9.]*(?=[ ,}\]\n])", text))
    if not places:
        return text
    place = chance.choice(places)
    form = chance.choice(NUMBERS).replace("N", place[0])
    return text[: place.start()] + form + text[place.end() :]


def _line(text: str, chance: random.Random) -> str:
    """A line gone, twice, elsewhere or deeper."""
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    what = chance.randrange(4)
    line = lines.pop(at) if what != 1 else lines[at]
    if what:
        line = "  " + line if what == 3 else line
        lines.insert(at if what == 3 else chance.randrange(len(lines) + 1), line)
    return "\n".join(lines)


def _characters(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(PIECES) + text[at + chance.randint(0, 2) :]


def _key(text: str, chance: random.Random) -> str:
    """A key with two letters changed round, or one lost."""
    places = [i for i, c in enumerate(text) if c == ":" and i > 3]
    if not places:
        return text
    at = chance.choice(places)
    i = at - chance.randint(2, 3)
    swapped = text[i + 1] + text[i] if chance.random() < 0.5 else text[i]
    return text[:i] + swapped + text[i + 2 :]


def binary(content: bytes, chance: random.Random) -> bytes:
    """One of: cut off, empty, noise, bits and bytes changed, a piece moved, a number made huge."""
    if not content:
        return chance.randbytes(chance.randint(1, 100))
    kind = chance.randrange(10)
    if kind == 0:
        return content[: chance.randrange(len(content))]
    if kind == 1:
        return chance.choice((b"", b"\0", b"\n", content[:1], chance.randbytes(1000)))
    changed = bytearray(content)
    if kind == 2:
        start, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
        at = chance.randrange(len(content) + 1)
        changed[at:at] = content[start : min(end, start + 5000)]
    elif kind == 3:
        start = chance.randrange(len(content))
        del changed[start : start + chance.randint(1, 64)]
    elif kind == 4:
        start = chance.randrange(len(content))
        huge = (b"\xff", b"\x7f", b"\x80", b"\0")[chance.randrange(4)] * chance.choice((2, 4, 8))
        changed[start : start + len(huge)] = huge
    elif kind == 5:
        changed += chance.randbytes(chance.randint(1, 500))
    else:
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = _early(len(content), chance)
            changed[at] ^= 1 << chance.randrange(8) if kind < 9 else chance.randint(1, 255)
    return bytes(changed)


def _early(length: int, chance: random.Random) -> int:
    """A place in a file; half of them where headers and tables of contents are: at both ends."""
    if chance.random() < 0.5:
        return chance.randrange(length)
    near = min(length, chance.choice((16, 64, 512)))
    return chance.randrange(near) if chance.random() < 0.6 else length - 1 - chance.randrange(near)


def text(content: bytes, chance: random.Random) -> bytes:
    """Of JSON and lists: the faults of :func:`yaml` or of :func:`binary`."""
    return (yaml if chance.random() < 0.7 else binary)(content, chance)
