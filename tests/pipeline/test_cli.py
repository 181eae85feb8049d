"""The command line as a user meets it: a process of its own in a clone of its own."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL
from rich.console import Console

from pipeline.console import Terminal, summary
from tests.conftest import RUNS, edit, git

pytestmark = pytest.mark.system

LAZY, EXACT = RUNS


def flows(*arguments):
    command = [sys.executable, "-m", "pipeline", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=500)


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_run_is_calm_and_changes_dvc_lock_alone(prepared, monkeypatch):
    done = flows("run")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    own = [line.split()[1] for line in said if line.startswith(LAZY)]
    assert len([word for word in own if word == "done" or "@" in word]) == 2  # its end, the table
    assert any(line.split()[:2] == [EXACT, "done"] for line in said)
    assert "results/quick/summary.csv" in done.stdout
    assert done.stderr == ""
    assert "prefect" not in done.stdout.lower()
    assert "Running stage 'train@" in Path("logs/prefect.log").read_text()
    assert git(prepared, "status", "--porcelain").split() == ["M", "dvc.lock"]
    assert f"train@{LAZY}" in Path("dvc.lock").read_text()
    log = Path("logs/prefect.log").stat().st_size
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    before = cpu_seconds()
    again = flows("run")
    assert cpu_seconds() - before < 10  # 3.5 where it was measured; a server alone takes 12
    imported = {line.rpartition("|")[2].strip() for line in again.stderr.splitlines()}
    assert "pipeline.commands.running" in imported
    assert not any(name.split(".")[0] in ("prefect", "dvc", "pandas") for name in imported)
    assert again.stdout.splitlines()[0] == "all 2 settings up to date"
    assert "results/quick/summary.csv" in again.stdout
    assert Path("logs/prefect.log").stat().st_size == log  # no server was started for it


def test_a_failure_exits_nonzero_with_its_sentence(prepared, prefect_server, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", PREFECT_API_URL.value())  # the user's server
    monkeypatch.setenv("TOY_FAIL", f"evaluate {LAZY}")
    done = flows("run", "--only", LAZY)
    assert done.returncode == 1
    assert f"evaluate@{LAZY}: the toy diverged at step 2" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "temporary server" not in Path("logs/prefect.log").read_text()


def test_a_typo_is_one_sentence_before_anything(toy):
    edit(Path("params.yaml"), lambda params: params["runs"][LAZY].update(estimator="lasy"))
    done = flows("run")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: params.yaml: runs.{LAZY}")
    assert len(done.stderr.splitlines()) == 1
    assert not Path("artifacts").exists()


def test_a_wrong_schedule_is_one_sentence(prepared):
    done = flows("serve", "--cron", "every night")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --cron 'every night': is not a schedule such as '0 2 * * *'\n"


def test_a_terminal_draws_progress_and_keeps_finished_lines():
    written = io.StringIO()
    terminal = Terminal(Console(file=written, width=100), ["a-run", "b-run", "c-run"])
    with terminal.open():
        terminal.begin("a-run", "train")
        terminal.hear("a-run", "train a-run 120/400 30% eta 12s loss 1.234 accuracy 62.1%")
        terminal.hear("a-run", "a line of another kind")
        drawn = [str(line) for line in terminal.draw().renderables]
        terminal.end("a-run", "failed", "loss is [nan] at step 3")
    assert drawn[0].startswith("a-run  train")
    assert "30%  eta 12s" in drawn[0]
    assert "accuracy 62.1%" in drawn[0]
    assert drawn[1:] == ["2 waiting"]
    assert written.getvalue().startswith("a-run  failed")
    assert written.getvalue().endswith("  loss is [nan] at step 3\n")


def test_the_table_shows_percent_and_what_is_there(tmp_path):
    file = tmp_path / "summary.csv"
    file.write_text(
        "run,task,horizon,metric,value,low,high\n"
        "a,glyphs,5,accuracy@5,0.6214,0.61,0.63\nb,glyphs,1,accuracy@1,0.5,0.49,0.51\n"
    )
    table = summary(file)
    assert [column.header for column in table.columns] == ["run", "k", "metric", "value"]
    assert list(table.columns[-1].cells) == ["62.1 (61.0 .. 63.0) %", "50.0 (49.0 .. 51.0) %"]
    assert summary(tmp_path / "none.csv") is None
