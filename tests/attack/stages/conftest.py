from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from stages import prepare, surrogate, target
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
