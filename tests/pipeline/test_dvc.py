"""The runner of DVC stages, with the real DVC and stages that do nothing. No Prefect."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline import dvc
from pipeline.outcomes import (
    BudgetError,
    Outcome,
    StageError,
    StageTimeoutError,
    StoppedError,
    TransientError,
    failure,
)
from tests.conftest import edit

pytestmark = pytest.mark.system

RUN = "maml-lazy-k5"
OTHER = "maml-exact-k1"


def chain(run):
    return [f"train@{run}", f"evaluate@{run}", f"export@{run}"]


def follow(stages, **options):
    running = dvc.Chain(stages, **options)
    try:
        return [running.follow(stage) for stage in stages]
    finally:
        running.close()


def set_horizon(horizon):
    edit(Path("params.yaml"), lambda params: params["runs"][RUN].update(horizon=horizon))


def test_stages_run_then_are_unchanged_then_one_is_changed_and_restored(prepared):
    assert follow(chain(RUN)) == [Outcome.RAN] * 3
    assert follow(chain(RUN)) == [Outcome.UNCHANGED] * 3
    set_horizon(7)
    assert dvc.stale(["validate@params", *chain(RUN)]) == {"validate@params"}
    follow(["validate@params"])
    assert dvc.stale(["validate@params", *chain(RUN)]) == set(chain(RUN))
    assert follow(chain(RUN))[0] is Outcome.RAN
    set_horizon(5)
    follow(["validate@params"])
    assert follow(chain(RUN)) == [Outcome.RESTORED] * 3
    assert dvc.stale(chain(RUN)) == set()


def test_each_stage_of_a_chain_gets_its_own_lines(prepared):
    running, heard = dvc.Chain(chain(RUN)), {}
    for stage in chain(RUN):
        heard[stage] = []
        running.follow(stage, heard[stage].append)
    for stage, lines in heard.items():
        assert lines[0] == f"Running stage '{stage}':"
        assert f"{stage.replace('@', ' ')} 2/2 100% eta 1s loss 1.0" in lines
        assert sum(line.startswith("Running stage") for line in lines) == 1


def test_a_failure_has_the_stages_sentence_and_can_be_taken_up_again(prepared):
    running = dvc.Chain(chain(RUN), {"TOY_FAIL": f"evaluate {RUN}"})
    assert running.follow(f"train@{RUN}") is Outcome.RAN
    with pytest.raises(StageError, match="the toy diverged at step 2") as caught:
        running.follow(f"evaluate@{RUN}")
    assert type(caught.value) is StageError
    assert caught.value.sentence == "the toy diverged at step 2"
    assert caught.value.foreseen
    assert f"evaluate {RUN} 2/2" in caught.value.tail
    running.environment = {}
    assert running.follow(f"evaluate@{RUN}") is Outcome.RAN
    assert running.follow(f"export@{RUN}") is Outcome.RAN


def test_the_stage_that_failed_is_blamed_and_not_its_neighbour(prepared):
    """DVC misses a dependency before it says that it begins."""
    shutil.rmtree("data/prepare/quick/glyphs/test")
    running = dvc.Chain(chain(RUN))
    assert running.follow(f"train@{RUN}") is Outcome.RAN
    with pytest.raises(StageError, match="No such file") as caught:
        running.follow(f"evaluate@{RUN}")
    assert caught.value.stage == f"evaluate@{RUN}"


def test_an_unforeseen_error_shows_its_last_lines(prepared):
    with pytest.raises(StageError, match="nobody foresaw this") as caught:
        follow([f"train@{RUN}"], environment={"TOY_CRASH": f"train {RUN}"})
    assert not caught.value.foreseen
    assert len(caught.value.tail.splitlines()) <= dvc.TAIL


def test_the_end_of_the_time_budget_is_told_apart(prepared):
    with pytest.raises(BudgetError, match="the time budget ended"):
        follow(chain(RUN), environment={"TOY_BUDGET": f"train {RUN}"})


def gone(pid):
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def toy_pid():
    for _ in range(600):
        if Path("toy.pid").exists() and (text := Path("toy.pid").read_text()):
            return int(text)
        time.sleep(0.1)
    raise AssertionError("the slow stage never started")


SLOW = {"TOY_SLOW": f"train {RUN}"}


def test_a_stage_that_takes_too_long_is_killed_with_all_its_processes(prepared):
    for seconds in (5, 20, 60):  # on a busy machine DVC itself may take longer to start
        with pytest.raises(StageTimeoutError, match=f"stopped after {seconds} s"):
            follow([f"train@{RUN}"], environment=SLOW, timeout=seconds)
        if Path("toy.pid").exists():
            break
    assert gone(toy_pid())


def test_a_killed_program_may_be_tried_again(prepared):
    killer = threading.Thread(target=lambda: os.kill(toy_pid(), signal.SIGKILL))
    killer.start()
    with pytest.raises(TransientError):
        follow([f"train@{RUN}"], environment=SLOW)
    killer.join()
    assert follow([f"train@{RUN}"]) == [Outcome.RAN]


def test_stopping_ends_what_runs_and_starts_no_more(prepared):
    def stop():
        toy_pid()
        dvc.stop_all()

    stopper = threading.Thread(target=stop)
    stopper.start()
    try:
        with pytest.raises(StoppedError):
            follow([f"train@{RUN}"], environment=SLOW)
        with pytest.raises(StoppedError, match="not started"):
            follow([f"train@{OTHER}"])
    finally:
        stopper.join()
        dvc.allow()
    assert gone(toy_pid())


def test_chains_side_by_side_do_not_disturb_each_other(prepared):
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(follow, [chain(RUN), chain(OTHER)])) == [[Outcome.RAN] * 3] * 2
    assert dvc.stale([*chain(RUN), *chain(OTHER)]) == set()


def test_status_that_dvc_cannot_tell_is_not_up_to_date(prepared):
    assert dvc.stale(["train@no-such-run"]) is None


@pytest.mark.parametrize(
    ("code", "last", "kind", "sentence"),
    [
        (255, "failed to run: python -m x, exited with 2", StageError, "exited with 2"),
        (255, "failed to run: python -m x, exited with 75", BudgetError, "exited with 75"),
        (255, "failed to run: python -m x, exited with -9", TransientError, "exited with -9"),
        (255, "failed to run: python -m x, exited with 137", TransientError, "exited with 137"),
        (255, "Unable to acquire lock. Is DVC busy?", TransientError, "Unable to acquire"),
    ],
)
def test_kinds_of_failure(code, last, kind, sentence):
    error = failure("train@x", code, ["hello", f"ERROR: failed to reproduce 'train@x': {last}"])
    assert type(error) is kind
    assert sentence in error.sentence
    assert type(failure("train@x", -15, [])) is TransientError


@pytest.mark.parametrize("text", ["", '{"a/b": {"wri', '{"a/b": {}}'])
def test_what_a_killed_dvc_half_wrote_is_removed_and_a_whole_note_stays(
    text, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    dvc.allow()
    dvc.AT_WORK.parent.mkdir(parents=True)
    dvc.AT_WORK.write_text(text)
    dvc.allow()
    assert dvc.AT_WORK.exists() == text.endswith("}}")
