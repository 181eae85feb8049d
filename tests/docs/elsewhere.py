"""Commands of the documents that other tests run, or the continuous integration."""

from __future__ import annotations

from tests.conftest import ROOT

STUDIES = "(attack-study|short-horizons|multishot|long-tail-study)"  # made as `mine` is, which runs
DONE = ("tune", "tuned", "confirm", "judge")
ELSEWHERE = {  # called by the continuous integration, or by tests of their own
    **{
        f"lazyleap {words} {study}": ROOT / "tests" / "pipeline" / "commands" / f"test_{file}.py"
        for study in STUDIES.strip("()").split("|")
        for words, file in (("budget --grid", "budget"), *((f"study {do}", "study") for do in DONE))
    },
    "make": ROOT / ".ci" / "run",
    "python -m tests.mutation": ROOT / "tests" / "mutation",
    "python -m tests.faults.flow": ROOT / "tests" / "pipeline" / "test_killed.py",
    "npm ci": ROOT / ".ci" / "run",
    "pip install .": ROOT / "tests" / "docs" / "test_commands.py",
    "pip install 'lazyleap[pipeline]'": ROOT / "tests" / "pipeline" / "test_wheel.py",
    "lazyleap sweep": ROOT / "tests" / "pipeline" / "test_sweep.py",
    "prefect worker start --pool team": ROOT / "tests" / "pipeline" / "test_sweep.py",
    "prefect work-pool create team": ROOT / "tests" / "pipeline" / "test_sweep.py",
    "prefect server start": ROOT / "tests" / "pipeline" / "test_sweep.py",
    "pip install 'lazyleap[s3]'": ROOT / "tests" / "pipeline" / "test_sweep.py",
    "pip install prefect-kubernetes": ROOT / "docs" / "deploy.md",
    "python -m pipeline": ROOT / "tests" / "pipeline" / "test_cli.py",
    "cd examples/web": ROOT / "tests" / "examples" / "test_web.py",
}
