from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stages import report
from stages.reporting import drawing
from tests.examples.conftest import CHROMIUM, FLAGS
from tests.report import grid

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"


BETTER = {"maml_exact_k5": 0.15, "lt_reweight_lazy_k5": 0.1, "attack_lazy_k5": 0.4}


def plainly(patch: pytest.MonkeyPatch) -> None:
    """Pages without the library that draws their charts, and no files of these."""
    patch.setattr(drawing, "bundle", str)
    patch.setattr(drawing, "static", lambda chart, legends: ("<svg/>", b"png"))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project root that the stage runs in."""
    monkeypatch.chdir(tmp_path)
    plainly(monkeypatch)
    return tmp_path


@pytest.fixture(scope="package")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the default grid, three seeds a setting, and its report; to be read only."""
    root = tmp_path_factory.mktemp("reported")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        plainly(patch)
        report.main(str(grid.write(root, grid.params(), **BETTER)))
    return root


@pytest.fixture(scope="package")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the same grid as they are, charts and all."""
    root = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        report.main(str(grid.write(root, grid.params(), **BETTER)))
    return root / "results" / grid.GRID


@pytest.fixture(scope="package")
def browser():
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def results(reported: Path) -> Path:
    return reported / "results" / grid.GRID


def rerun(root: Path) -> str:
    """The page of what lies in a root now."""
    shutil.rmtree(root / "results", ignore_errors=True)
    report.main(str(root / "params.yaml"))
    return (root / "results" / grid.GRID / "report.html").read_text()
