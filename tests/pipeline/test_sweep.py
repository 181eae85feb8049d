"""A grid over workers in checkouts of their own, one of them killed; and what a sweep refuses."""

from __future__ import annotations

import csv
import filecmp
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pipeline import kept, leash, server
from tests.conftest import RUNS, commit, copy, edit, git
from tests.conftest import _small as small
from tests.pipeline.processes import alive_in
from tests.pipeline.test_serve import free_port

LONG, SHORT = RUNS
OTHER = "maml-lazy-k3"
WORKERS = ("one", "two", "three")
PATIENCE = 500  # seconds
STEPS = 300  # of the setting that is killed, some minutes on a busy machine
TIMES = ("train_cpu_seconds", "train_wall_seconds", "peak_memory_mib", "cpu", "seconds", "memory")
S3 = all(importlib.util.find_spec(name) for name in ("moto", "dvc_s3", "flask"))
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
NO_S3 = pytest.mark.skipif(not S3, reason="no moto, or no dvc-s3")


@pytest.fixture(params=["folder", pytest.param("s3", marks=NO_S3)])
def remote(request, tmp_path, monkeypatch):
    """Options of a DVC remote: a folder, or a bucket that moto serves."""
    if request.param == "folder":
        yield {"url": str(tmp_path / "store")}
        return
    from moto.server import ThreadedMotoServer

    for key in KEYS:
        monkeypatch.setenv(key, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    serving = ThreadedMotoServer(port=free_port(), verbose=False)
    serving.start()
    host, port = serving.get_host_and_port()
    import boto3

    place = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=place).create_bucket(Bucket="store")
    yield {"url": "s3://store/lazyleap", "endpointurl": place}
    serving.stop()


def three(params):
    small(params)
    params["runs"][LONG]["meta_iterations"] = STEPS
    params["runs"][OTHER] = {**params["runs"][LONG], "horizon": 3, "meta_iterations": 6}
    params["tasks"]["glyphs"]["training"]["validate_every"] = 20


def with_remote(folder, remote):
    lines = "".join(f"    {key} = {value}\n" for key, value in remote.items())
    text = "[core]\n    analytics = false\n    autostage = false\n    remote = store\n"
    (folder / ".dvc" / "config").write_text(f"{text}['remote \"store\"']\n{lines}")


def clone(origin_, folder):
    git(origin_.parent, "clone", "-q", str(origin_), str(folder))
    return folder


def environment(folder, url):
    names = ("PREFECT_API_URL", "LAZYLEAP_ROOT", "PYTHONPATH", "TMPDIR")
    (folder.parent / "tmp").mkdir(exist_ok=True)
    values = (url, str(folder), str(folder), str(folder.parent / "tmp"))
    return {**os.environ, **dict(zip(names, values, strict=True))}


def until(condition, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.3)
    return found


@pytest.fixture
def pool(tmp_path, monkeypatch):
    """The address of a server with a work pool."""
    port = free_port()
    url = server.address(port)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    log = (tmp_path / "server.log").open("w")
    serving = leash.start(server.pages(port), cwd=tmp_path, stdout=log, stderr=log)
    try:
        until(lambda: server.answers(url), "no server came up")
        command = [sys.executable, "-m", "prefect", "work-pool", "create", "team"]
        create = {**os.environ, "PREFECT_API_URL": url}
        subprocess.run([*command, "--type", "process"], env=create, check=True, capture_output=True)
        yield url
    finally:
        leash.stop(serving)
        log.close()


def works(folder, url, name):
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "team"]
    log = (folder.parent / f"{name}.log").open("w")
    return leash.start(
        [*command, "--limit", "1", "--name", name],
        cwd=folder.parent / "tmp",
        env=environment(folder, url),
        stdout=log,
        stderr=log,
    )


def logs(place):
    return "\n".join((place / name / f"{name}.log").read_text() for name in WORKERS)


def checkpoints(folder):
    return list((folder / ".scratch" / "quick" / LONG).glob("*/checkpoint.pt"))


def settled(path):
    with path.open(newline="") as file:
        return [
            {key: value for key, value in row.items() if not key.startswith(TIMES)}
            for row in csv.DictReader(file)
        ]


def same(first, second):
    compared = filecmp.dircmp(first, second)
    assert not compared.left_only + compared.right_only
    assert all(filecmp.cmp(first / name, second / name, False) for name in compared.common_files)
    for name in compared.common_dirs:
        same(first / name, second / name)


@pytest.mark.system
@pytest.mark.timeout(2 * PATIENCE)
def test_three_workers_one_killed_train_each_setting_once(tmp_path, remote, pool, monkeypatch):
    """The killed one's setting goes on elsewhere; all is as on one machine, times aside."""
    if S3 and "endpointurl" not in remote:
        pytest.skip("the bucket's test is the same and more")
    source = copy(tmp_path / "source")
    edit(source / "params.yaml", three)
    with_remote(source, remote)
    commit(source)
    folders = {name: clone(source, tmp_path / name / "project") for name in WORKERS}
    parent, alone = clone(source, tmp_path / "parent"), clone(source, tmp_path / "alone")
    processes = {name: works(folder, pool, name) for name, folder in folders.items()}
    try:
        command = [sys.executable, "-m", "pipeline", "sweep", "--pool", "team", "--every", "1"]
        sweep = subprocess.Popen(
            command, cwd=parent, env=environment(parent, pool), stdout=subprocess.PIPE, text=True
        )
        first = until(
            lambda: next((n for n, f in folders.items() if checkpoints(f)), None), "nobody trains"
        )
        monkeypatch.chdir(folders[first])
        until(lambda: kept.Kept("quick", LONG)._archives(), "no checkpoint was pushed")
        leash.signal_group(processes[first].pid, 9)
        assert alive_in(folders[first], 30) == []
        said, _ = sweep.communicate(timeout=PATIENCE)
        assert sweep.returncode == 0, said + logs(tmp_path)
    finally:
        for process in processes.values():
            leash.stop(process)
    begun = Counter(
        re.findall(r"> python -m stages\.train .*'(\S+)'$", logs(tmp_path), re.MULTILINE)
    )
    assert begun == {LONG: 2, SHORT: 1, OTHER: 1}
    record = json.loads((parent / f"artifacts/record/quick/{LONG}/record.json").read_text())
    assert (record["resumed"], record["meta_iterations"]) == (1, STEPS)
    others = [name for name in WORKERS if name != first]
    for run in (LONG, SHORT, OTHER):
        made = [n for n in WORKERS if (folders[n] / "artifacts/record/quick" / run).exists()]
        assert len(made) == 1, logs(tmp_path)
        assert run != LONG or made[0] in others
    command = [sys.executable, "-m", "pipeline", "run"]
    subprocess.run(command, cwd=alone, env=environment(alone, pool), check=True)
    for stage in ("train", "evaluate", "export"):
        for run in (LONG, SHORT, OTHER):
            place = Path("artifacts") / stage / "quick" / run
            if stage == "evaluate":
                assert (parent / place / "metrics.json").read_bytes() == (
                    alone / place / "metrics.json"
                ).read_bytes()
            else:
                same(parent / place, alone / place)
    table = Path("results/quick/summary.csv")
    assert settled(parent / table) == settled(alone / table)


def checkpoint(folder, text, at):
    path = folder / ".scratch" / "quick" / LONG / "abc" / "checkpoint.pt"
    (path.parent / "tensorboard").mkdir(parents=True, exist_ok=True)
    (path.parent / "tensorboard" / "events").write_text(f"events of {text}")
    path.write_text(text)
    os.utime(path, (at, at))
    return path


def test_a_checkpoint_goes_through_the_remote_and_the_newest_counts(tmp_path, remote, monkeypatch):
    places = []
    for name in ("here", "there"):
        folder = tmp_path / name
        (folder / ".dvc").mkdir(parents=True)
        (folder / "dvc.yaml").write_text("stages: {}\n")
        git(folder, "init", "-q")
        with_remote(folder, remote)
        places.append(folder)
    here, there = places
    path = checkpoint(here, "first", 100)
    monkeypatch.chdir(here)
    kept.Kept("quick", LONG).push()
    path.write_text("second")
    with kept.Kept("quick", LONG).pushing(60):
        os.utime(path, (200, 200))
    monkeypatch.chdir(there)
    own = checkpoint(there, "older", 150)
    assert kept.Kept("quick", LONG).pull() == ["abc"]
    assert own.read_text() == "second"
    assert (own.parent / "tensorboard" / "events").read_text() == "events of first"
    checkpoint(there, "newer", 300)
    assert kept.Kept("quick", LONG).pull() == []
    assert own.read_text() == "newer"
    kept.Kept("quick", LONG).forget()
    own.unlink()
    assert kept.Kept("quick", LONG).pull() == []
    assert kept.Kept("quick", OTHER).pull() == []
