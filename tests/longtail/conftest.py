from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.conftest import commit, copy
from tests.longtail import project as small


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Stages set the process's threads; tests after these have their own."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def longtail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose only task is a small long tail, in the current folder."""
    folder = copy(tmp_path / "project")
    small.make(folder)
    monkeypatch.chdir(commit(folder))
    return folder


@pytest.fixture(scope="package")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with all settings trained, evaluated and exported; to be read only."""
    folder = copy(tmp_path_factory.mktemp("exported") / "project")
    small.make(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(commit(folder))
        small.finish(folder, *small.RUNS, "ldam")
    return folder
