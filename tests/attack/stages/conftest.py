from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from stages import evaluate, export, prepare, surrogate, target, train
from tests.attack.stages import project as small
from tests.conftest import commit, copy


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Stages set the process's threads; tests after these have their own."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small attack's project, its images and classifiers prepared; to be read only."""
    folder = copy(tmp_path_factory.mktemp("ready") / "project")
    small.make(folder)
    commit(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prepare.main(small.TASK)
        for name in small.SURROGATES:
            surrogate.main(name)
        for name in small.TARGETS:
            target.main(name)
    return folder


@pytest.fixture(scope="package")
def done(ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with all settings trained, evaluated and exported; to be read only."""
    folder = shutil.copytree(ready, tmp_path_factory.mktemp("done") / "workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for run in (small.META, small.ZOO, small.SQUARE):
            train.main(run)
            evaluate.main(run)
            export.main(run)
    return folder
