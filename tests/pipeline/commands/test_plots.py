"""DVC's plots on a page that loads nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lazyleap.errors import InputError
from pipeline.cli import app
from stages import folders
from tests.conftest import RUNS, git

pytestmark = pytest.mark.system


def curve(text: str) -> None:
    folder = folders.evaluated("quick", RUNS[0])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "curve.csv").write_text(f"step,accuracy\n{text}\n")


def page(*words: str) -> str:
    done = CliRunner().invoke(app, ["plots", *words], catch_exceptions=False)
    assert (done.exit_code, done.output) == (0, "dvc_plots/index.html\n")
    return Path("dvc_plots/index.html").read_text()


def test_it_draws_finished_runs_alone_and_loads_nothing(prepared: Path) -> None:
    with pytest.raises(InputError, match="no run is finished"):
        CliRunner().invoke(app, ["plots"], catch_exceptions=False)
    curve("0,0.25\n5,0.625")
    found = page()
    assert re.findall(r"(?:src|href)=\"http", found) == []
    assert "window.vegaEmbed" in found
    titles = set(re.findall(r"maml-[a-z0-9-]+(?=: accuracy by)", found))
    assert titles == {RUNS[0]}
    assert "0.625" in found
    assert git(prepared, "status", "--porcelain").strip() in ("", "M dvc.lock")
