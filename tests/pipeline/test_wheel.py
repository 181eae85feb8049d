"""The wheel by itself: what it holds, and a grid run from it in an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import project
from tests.conftest import ROOT, RUNS, _small, copy, edit, git

pytestmark = pytest.mark.system

Lazyleap = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = copy(tmp_path_factory.mktemp("wheel") / "source")
    words = ["pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", "."]
    subprocess.run([sys.executable, "-m", *words], cwd=source, check=True)
    (found,) = (source / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def lazyleap(wheel: Path) -> Lazyleap:
    """The console script of an installation of its own."""
    place = wheel.parent / "site"
    words = ["pip", "install", "-q", "--no-deps", "--no-index", "--target", str(place), str(wheel)]
    subprocess.run([sys.executable, "-m", *words], check=True)
    environment = {**os.environ, "PYTHONPATH": str(place)}
    environment.pop("PREFECT_HOME", None)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(place / "bin" / "lazyleap"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return call


def test_it_holds_every_package_and_what_a_project_begins_with(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = git(ROOT, "ls-files", "lazyleap", "stages", "pipeline").split()
    missing = {s for s in sources if not s.endswith(".md")} - names
    assert missing == set()
    begun = {path.relative_to(ROOT).as_posix() for path in project._files(ROOT)}
    tracked = set(git(ROOT, "ls-files").split())
    assert {f"pipeline/template/{name}" for name in begun & tracked} <= names
    assert {"params.yaml", "dvc.yaml", "data/dvc.yaml", "data/datasets.yaml"} <= begun
    assert not {name for name in names if name.startswith(("tests/", "benchmarks/", "docs/"))}


@pytest.mark.timeout(900)
def test_a_grid_runs_in_an_empty_folder(lazyleap: Lazyleap, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = json.loads(lazyleap("doctor", "--json").stdout)
    assert {one["what"]: one["state"] for one in found["findings"]}["project"] == "note"
    begun = lazyleap("grid", "new")
    assert begun.returncode == 0, begun.stderr
    edit(Path("params.yaml"), _small)
    first = lazyleap("run", "--json", "--only", RUNS[0])
    assert first.returncode == 0, first.stdout + first.stderr
    (row,) = json.loads(first.stdout)["results"]
    assert (row["run"], row["commit"]) == (RUNS[0], "unknown")
    assert Path(f"artifacts/export/quick/{RUNS[0]}/adapt.onnx").is_file()
    assert Path("results/quick/report.html").is_file()
    assert Path(".prefect").is_dir()
    again = json.loads(lazyleap("run", "--json", "--only", RUNS[0]).stdout)
    assert again["up_to_date"]
    states = {one["run"]: one["state"] for one in status(lazyleap)}
    assert states == {RUNS[0]: "up to date", RUNS[1]: "to train"}
    record = json.loads(Path(f"artifacts/record/quick/{RUNS[0]}/record.json").read_text())
    assert record["lazyleap"]

    training = Path(f"artifacts/train/quick/{RUNS[0]}/theta.safetensors")
    before = training.stat().st_mtime_ns
    assert lazyleap("export", RUNS[0], "--to", "given").returncode == 0
    assert training.stat().st_mtime_ns == before
    assert {path.name for path in Path("given").iterdir()} >= {"adapt.onnx", "model_card.md"}


def status(lazyleap: Lazyleap) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(lazyleap("status", "--json").stdout)["settings"]
    return found


def test_run_alone_lays_out_an_empty_folder_and_nothing_else(
    lazyleap, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = lazyleap("run", "--only", "no-such-run")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: --only no-such-run: matches no run;")
    assert Path("params.yaml").is_file()
    (tmp_path.parent / "notes").mkdir()
    (tmp_path.parent / "notes" / "a.txt").touch()
    monkeypatch.chdir(tmp_path.parent / "notes")
    refused = lazyleap("run")
    assert (refused.returncode, "is in no project" in refused.stderr) == (2, True)


def test_in_a_checkout_its_own_code_runs(lazyleap: Lazyleap, tmp_path, monkeypatch) -> None:
    folder = copy(tmp_path / "checkout")
    (folder / "pipeline" / "cli.py").write_text("def main(): print('of the checkout')\n")
    monkeypatch.chdir(folder / "data")
    assert lazyleap("status").stdout == "of the checkout\n"
