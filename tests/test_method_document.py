"""docs/method.md names functions, files and tests: they must be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "method.md").read_text()


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:lazyleap|tests)/[\w/]+\.py)`", TEXT)))
)
def test_files_are_there(path):
    assert (ROOT / path).is_file()


def test_functions_and_tests_are_there():
    sources = [p.read_text() for top in ("lazyleap", "tests") for p in (ROOT / top).rglob("*.py")]
    defined = set(re.findall(r"^(?:def|class) (\w+)", "\n".join(sources), flags=re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    named |= set(re.findall(r"\.py`: `(\w+)`", TEXT)) | {"value_and_grad", "vjp", "teach", "walk"}
    assert named - defined == set()
    assert len(named) > 15
