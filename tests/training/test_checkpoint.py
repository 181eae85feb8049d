"""Checkpoints: whole or not there."""

from __future__ import annotations

import os

import pytest
import torch

from lazyleap.errors import InputError
from lazyleap.training import checkpoint
from lazyleap.training.loop import Progress

CPU = torch.device("cpu")
PROGRESS = Progress(7, 0.5, 6, {"w": torch.arange(3.0)}, 1.5, 2.5, 99.0, 2)


def test_what_is_stored_is_what_is_loaded(tmp_path):
    path = tmp_path / "deep/er/checkpoint.pt"
    assert checkpoint.load(path, CPU) is None
    checkpoint.save(path, PROGRESS, {"m": torch.ones(2), "step": 3})
    progress, state = checkpoint.load(path, CPU)
    assert vars(progress).keys() == vars(PROGRESS).keys()
    for name, value in vars(PROGRESS).items():
        if name != "best_theta":
            assert getattr(progress, name) == value
    assert torch.equal(progress.best_theta["w"], torch.arange(3.0))
    assert (state["m"].tolist(), state["step"]) == ([1.0, 1.0], 3)
    assert [f.name for f in path.parent.iterdir()] == ["checkpoint.pt"]


def test_killed_while_writing_the_old_one_stays(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, PROGRESS, {})

    def killed(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(path, Progress(8), {})
    assert checkpoint.load(path, CPU)[0].iteration == 7


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a checkpoint"])
def test_what_is_no_checkpoint_is_one_sentence(tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"checkpoint\.pt: is not a checkpoint \(.+\); delete"):
        checkpoint.load(path, CPU)
