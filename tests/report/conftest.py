from __future__ import annotations

from pathlib import Path

import pytest

from stages import report
from tests.report import attack_grid, grid, longtail_grid


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project root that the stage runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="package")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project root with the full made-up grid and its report; to be read only."""
    root = tmp_path_factory.mktemp("reported")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        report.main(str(grid.write_grid(root)))
    return root


@pytest.fixture(scope="package")
def longtail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project root with a made-up grid and its report; to be read only."""
    root = tmp_path_factory.mktemp("longtail")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        report.main(str(longtail_grid.write_grid(root)))
    return root


@pytest.fixture(scope="package")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project root with a made-up grid and its report; to be read only."""
    root = tmp_path_factory.mktemp("attack")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        report.main(str(attack_grid.write_grid(root)))
    return root
