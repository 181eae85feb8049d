from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project root that the stage runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
