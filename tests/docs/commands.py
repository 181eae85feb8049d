"""The commands that the documents tell a reader to type."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

WORDS = r"(?:make|dvc|python|pip|npm|git|cd|tensorboard|prefect|lazyleap|torchrun)"
INDENTED = re.compile(rf"^    ({WORDS} .*(?:\\\n.*)*)$", re.MULTILINE)
INLINE = re.compile(rf"`({WORDS} [^`]+)`")


def pages() -> list[Path]:
    """Every document, and every program whose docstring says how it is called."""
    written = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
    programs = [*(ROOT / "examples").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    return sorted(p for p in written + programs if "node_modules" not in p.parts)


def commands() -> dict[str, str]:
    """Each command once, as it is typed, and the page it stands on first."""
    found: dict[str, str] = {}
    for page in pages():
        for command in _of(page):
            found.setdefault(command, page.relative_to(ROOT).as_posix())
    return found


def _of(page: Path) -> Iterator[str]:
    text = page.read_text()
    if page.suffix == ".py":
        text = ast.get_docstring(ast.parse(text), clean=False) or ""
    elif page.name == "CHANGELOG.md":
        return
    for match in (*INDENTED.finditer(text), *INLINE.finditer(text)):
        command = re.sub(r"\\\n\s*", "", match[1])
        yield " ".join(re.sub(r"\s+#.*$", "", command).split())
