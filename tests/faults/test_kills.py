"""Some twenty kills of stages and of DVC: all ends have the same bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults import kills

pytestmark = pytest.mark.system

# what is killed of a flow, and the server under it: tests/pipeline/test_killed.py
KINDS = [name for name in kills.KINDS if "flow" not in name and "server" not in name]


def test_killed_at_any_moment_the_end_is_the_same(tmp_path):
    here = Path.cwd()
    try:
        wanted = kills.lay_out(tmp_path / "project")
        met = sum(kills.series(kind, 0, 3, wanted) for kind in KINDS)
    finally:
        os.chdir(here)
    assert met >= 12
