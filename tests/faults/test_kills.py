"""Fourteen kills or so of seven trainings, which all end with the same bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults import kills

pytestmark = pytest.mark.system


def test_killed_at_any_moment_the_end_is_the_same(tmp_path):
    here = Path.cwd()
    try:
        wanted = kills.lay_out(tmp_path / "project")
        met = sum(kills.series(kind, 0, 3, wanted) for kind in kills.KINDS)
    finally:
        os.chdir(here)
    assert met >= 12
