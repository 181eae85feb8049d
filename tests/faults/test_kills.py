"""Some twenty kills of stages and of DVC: all ends have the same bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stages import program
from tests.faults import kills

# what is killed of a flow, and the server under it: tests/pipeline/test_killed.py
KINDS = [name for name in kills.KINDS if "flow" not in name and "server" not in name]


@pytest.mark.system
def test_killed_at_any_moment_the_end_is_the_same(tmp_path):
    here = Path.cwd()
    try:
        wanted = kills.lay_out(tmp_path / "project")
        met = 0
        for number in range(4):  # a moment may come too late, where a machine's pace changes
            if met < 12:
                met += sum(kills.series(kind, number, 3, wanted) for kind in KINDS)
    finally:
        os.chdir(here)
    assert met >= 12


def test_a_fork_ends_as_the_program_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, words = kills.ended(("train", "no-run"))
    assert code == program.BAD_INPUT
    assert words.startswith("error: params.yaml: cannot be read (")
    assert words.count("\n") == 1


def test_a_difference_a_loss_and_a_remnant_are_seen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "artifacts" / "train" / "quick" / "a" / "theta.safetensors"
    made.parent.mkdir(parents=True)
    made.write_text("1")
    wanted = kills.made()
    kills.compare("nothing", wanted)
    made.write_text("2")
    with pytest.raises(AssertionError, match=r"^differs: a kill: artifacts/train/quick/a/theta"):
        kills.compare("a kill", wanted)
    made.unlink()
    with pytest.raises(AssertionError, match=r"^lost: a kill: artifacts/train/quick/a/theta"):
        kills.compare("a kill", wanted)
    made.write_text("1")
    (made.parent.parent / ".a-12345678").mkdir()
    with pytest.raises(AssertionError, match="is left behind"):
        kills.compare("a kill", wanted)
