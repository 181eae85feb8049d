"""What a record says of where its result came from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stages import machine, provenance
from tests.conftest import git


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed project of a few files, in the current folder."""
    root = tmp_path / "project"
    for name in ("lazyleap/a.py", "grids/mine/params.yaml", "dvc.yaml", "dvc.lock", "README.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "a project")
    monkeypatch.chdir(root)
    return root


GRID = "grids/mine/params.yaml"


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("lazyleap/a.py", True),  # edited
        ("lazyleap/new.py", True),  # untracked code
        ("data/splits/mine.txt", True),  # an untracked dependency
        (GRID, True),
        ("extensions/boil.py", True),
        ("dvc.lock", False),  # the run's own
        ("README.md", False),
        ("scratch.ipynb", False),
        ("lazyleap/scratch.ipynb", False),
        ("grids/other/params.yaml", False),
    ],
)
def test_what_the_commit_does_not_hold_is_named(repository: Path, file: str, counts: bool) -> None:
    inputs = (GRID, "extensions")
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text("y\n")
    assert provenance.uncommitted(*inputs) == ([file] if counts else [])
    commit = git(repository, "rev-parse", "HEAD").strip()
    assert provenance.stamp(*inputs) == commit + ("-dirty" if counts else "")


def test_no_commit_holds_what_lies_outside_of_the_repository(repository: Path) -> None:
    assert provenance.uncommitted(GRID, "../elsewhere") == ["../elsewhere"]


def test_an_untracked_grid_is_not_held(repository: Path) -> None:
    Path("grids/new").mkdir()
    Path("grids/new/params.yaml").write_text("z\n")
    record = machine.describe(machine.device("cpu"), 1, "grids/new/params.yaml", "extensions")
    assert record["dirty"]
    assert record["uncommitted"] == ["grids/new/params.yaml"]
    assert record["commit"] == git(repository, "rev-parse", "HEAD").strip()
    assert record["processor"]
    assert record["instruction_set"].split()[0]


def test_outside_of_a_repository_nothing_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.stamp() == "unknown"


@pytest.mark.parametrize("products", [False, True])
def test_a_record_of_a_gpu_says_how_it_rounds(
    monkeypatch: pytest.MonkeyPatch, products: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a GPU")
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = products
    try:
        record = machine.describe(torch.device("cuda"), 1)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    assert record["tf32_products"] is products
    assert record["tf32_convolutions"] is torch.backends.cudnn.allow_tf32
    assert record["deterministic"] is False
    assert "deterministic" not in machine.describe(torch.device("cpu"), 1)
