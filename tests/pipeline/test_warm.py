"""DVC and its stages as forks of one process, with the real DVC and stages that do nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest
import yaml
from dvc.utils.serialize import modify_yaml

from pipeline import dvc, warm, workers
from pipeline.outcomes import Outcome, StageError, TransientError
from tests.pipeline.processes import alive_in

RUN, OTHER = "maml-lazy-k5", "maml-exact-k1"
SAYS = """
import json, os, sys
said = {"modules": sorted(sys.modules), "stage": os.environ["DVC_STAGE"], "seen": os.getcwd()}
said |= {"argv": sys.argv, "parent": os.getppid(), "asked": os.environ.get("ASKED")}
open("said.json", "w").write(json.dumps(said))
"""


def follow(*stages, **environment):
    chain = dvc.Chain(stages, environment)
    try:
        return [chain.follow(stage) for stage in stages]
    finally:
        chain.close()


@pytest.fixture
def started(monkeypatch):
    """The processes that were started."""
    found, right = [], workers._start
    monkeypatch.setattr(workers, "_start", lambda env: found.append(right(env)) or found[-1])
    return found


@pytest.mark.system
def test_chains_share_a_process_that_ends_with_them(prepared, started):
    with workers.kept():
        assert follow(f"train@{RUN}") == [Outcome.RAN]
        assert follow(f"train@{OTHER}", f"evaluate@{OTHER}") == [Outcome.RAN] * 2
        assert [process.poll() for process in started] == [None]
    assert [process.poll() for process in started] == [0]
    follow(f"evaluate@{RUN}")
    assert [process.poll() for process in started] == [0, 0]
    lock = Path("dvc.lock").read_text()
    with modify_yaml("dvc.lock") as data:  # DVC's own way to write it
        assert {f"train@{RUN}", f"evaluate@{RUN}", f"train@{OTHER}"} <= data["stages"].keys()
    assert Path("dvc.lock").read_text() == lock
    assert alive_in(prepared) == []


@pytest.mark.system
def test_a_stage_finds_what_a_program_of_its_own_would(prepared, started):
    """Its words, folder and variables; libraries at most; the code as it is when it begins."""
    program = prepared / "stages" / "train.py"
    toy = program.read_text()
    with workers.kept():
        follow(f"train@{OTHER}", ASKED="before")
        program.write_text(SAYS + toy.replace("from __future__ import annotations", ""))
        follow(f"train@{RUN}", ASKED="now")
        worker = psutil.Process(started[0].pid).children()[0].pid
    said = json.loads(Path("said.json").read_text())
    assert said["argv"][0] == str(program)
    assert said["argv"][1:] == [
        "--params",
        f"artifacts/validate/quick/train/{RUN}.json",
        RUN,
    ]
    assert (said["stage"], said["seen"]) == (f"train@{RUN}", str(prepared))
    assert (said["asked"], said["parent"]) == ("now", worker)
    loaded = {name.partition(".")[0] for name in said["modules"]}
    assert "torch" in loaded
    assert "lazyleap" not in loaded
    assert {name for name in said["modules"] if name.startswith("stages")} <= {"stages"}
    assert len(started) == 1


@pytest.mark.system
def test_after_a_failure_and_after_a_kill_another_takes_over(prepared, started):
    with workers.kept():
        with pytest.raises(StageError, match="the toy diverged"):
            follow(f"train@{RUN}", TOY_FAIL=f"train {RUN}")
        assert [process.poll() for process in started] == [None]
        os.killpg(started[0].pid, signal.SIGKILL)
        started[0].wait()
        assert follow(f"train@{RUN}") == [Outcome.RAN]
    assert len(started) == 2


@pytest.mark.system
def test_a_killed_dvc_takes_its_stage_along(prepared, started):
    chain = dvc.Chain([f"train@{RUN}"], {"TOY_SLOW": f"train {RUN}"})

    def kill(line: str) -> None:
        if "stages.train" in line:  # DVC has asked for it
            forker = psutil.Process(started[0].pid).children()[0]
            while len(found := forker.children()) < 2:
                pass
            found[0].send_signal(signal.SIGKILL)

    with pytest.raises(TransientError):
        chain.follow(f"train@{RUN}", kill)
    assert alive_in(prepared, patience=10) == []


@pytest.mark.system
def test_another_command_than_a_stage_is_run_by_a_shell(prepared):
    words = yaml.safe_load(Path("dvc.yaml").read_text())
    words["stages"]["mine"] = {"cmd": 'echo "$HOME" > mine.txt', "outs": ["mine.txt"]}
    Path("dvc.yaml").write_text(yaml.safe_dump(words, sort_keys=False))
    assert follow("mine") == [Outcome.RAN]
    assert Path("mine.txt").read_text() == f"{Path.home()}\n"


@pytest.mark.parametrize(
    ("command", "plain"),
    [
        ("python -m stages.train --params 'artifacts/a b/$x.json' 'maml-lazy-k5'", True),
        ("python -m stages.report --params artifacts/validate/quick/report/quick.json", True),
        ("python -m stages.train $(touch here)", False),
        ("python -m stages.train a; touch here", False),
        ("python -m stages.train a > here", False),
        ("python -m stages.train *", False),
        ("python -m stages.train 'a\nb'\ntouch here", False),
        ("python -m other.train a", False),
        ("echo python -m stages.train a", False),
    ],
)
def test_what_needs_no_shell(command, plain):
    assert bool(warm._STAGE.fullmatch(command)) == plain


@pytest.mark.parametrize("gpu", [False, True])
def test_what_serves_more_than_one_stage_is_loaded_before_the_fork(gpu, tmp_path, monkeypatch):
    """For a setting's stages at once, as the others follow; for another kind's when it is back."""
    loaded = []
    monkeypatch.setattr(warm, "_load", loaded.append)
    monkeypatch.setattr(warm, "_seen", Counter())
    monkeypatch.setattr(warm, "GPUS", (str(tmp_path),) if gpu else (str(tmp_path / "none"),))
    stages = ("prepare", "train", "evaluate", "prepare", "export")
    for stage in stages:
        warm._expect(stage)
    first = [warm.USUAL, warm.USUAL, warm.USUAL, (*warm.USUAL, *warm.EXPORTER)]
    assert loaded == ([] if gpu else first)


def test_it_loads_no_module_of_the_project():
    """A fork would have it as it was when the process began."""
    names = {name.partition(".")[0] for names in warm.LIBRARIES.values() for name in names}
    assert not names & {"lazyleap", "stages", "pipeline", "extensions", "examples"}
    program = f"""
import runpy, sys
warm = runpy.run_path({warm.__file__!r})
for libraries in (warm["DVC"], *warm["LIBRARIES"].values()):
    warm["_load"](libraries)
print(*(name for name in sys.modules if name.startswith(("lazyleap", "stages", "pipeline"))))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd="/", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
