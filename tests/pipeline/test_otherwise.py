"""What DVC does otherwise here, beside what it does by itself."""

from __future__ import annotations

import os
from types import SimpleNamespace

import dvc.dvcfile
import pytest
from dvc.fs import HTTPFileSystem, LocalFileSystem
from dvc.repo import Repo
from dvc.stage.cache import RunCacheNotSupported, StageCache

from pipeline import otherwise

RUNS = {"ab/abc1/x": "one", "ab/abc1/y": "two", "cd/cdef/z": "three"}


@pytest.fixture
def loaded():
    """DVC's files as they are loaded, and the loading of them once."""
    calls = []

    def load(repo, path, **options):
        calls.append((path, options))
        return object()

    return calls, otherwise.once(load)


def test_a_file_is_loaded_again_when_it_or_its_lock_has_changed(tmp_path, loaded, monkeypatch):
    calls, load = loaded
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    repo = object()
    first = load(repo, "dvc.yaml")
    assert load(repo, str(tmp_path / "dvc.yaml")) is first
    for name in ("dvc.lock", "dvc.yaml"):
        (tmp_path / name).write_text(f"{name}: changed\n")
        assert load(repo, "dvc.yaml") is not first
        first = load(repo, "dvc.yaml")
    os.utime(tmp_path / "dvc.lock", (1, 1))
    assert load(repo, "dvc.yaml") is not first
    assert len(calls) == 4


def test_other_files_repositories_and_options_share_nothing(tmp_path, loaded):
    calls, load = loaded
    places = [tmp_path / name for name in ("dvc.yaml", "other/dvc.yaml")]
    repos = [object(), object()]
    found = {id(load(repo, str(place))) for repo in repos for place in places for _ in range(2)}
    assert len(found) == len(calls) == 4
    assert load(repos[0], "data.dvc") is not load(repos[0], "data.dvc")
    assert load(repos[0], str(places[0]), verify=False) is not load(repos[0], str(places[0]))
    assert calls[-1] == (str(places[0]), {"verify": False})


def test_dvc_itself_reads_a_file_once_for_many_targets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [f"s{i}" for i in range(6)]
    stages = "".join(f"  {n}:\n    cmd: echo {n} > {n}\n    outs: [{n}]\n" for n in names)
    (tmp_path / "dvc.yaml").write_text(f"stages:\n{stages}")
    repo, plain, read = Repo.init(no_scm=True), dvc.dvcfile.load_file, []
    load_yaml = dvc.dvcfile.FileMixin._load_yaml

    def counted(file, **options):
        read.append(file.relpath)
        return load_yaml(file, **options)

    monkeypatch.setattr(dvc.dvcfile.FileMixin, "_load_yaml", counted)
    locks, counts = [], []
    for way in (plain, otherwise.once(plain)):
        monkeypatch.setattr(dvc.dvcfile, "load_file", way)
        (tmp_path / "dvc.lock").unlink(missing_ok=True)
        read.clear()
        repo.reproduce(names, single_item=True, force=True)
        repo.reproduce(names, single_item=True)
        locks.append((tmp_path / "dvc.lock").read_text())
        counts.append((read.count("dvc.yaml"), read.count("dvc.lock")))
    repo.close()
    assert locks[0] == locks[1]
    assert min(counts[0]) >= len(names) > 3 >= max(counts[1]), counts


def store(path, runs=None):
    for name, said in (runs or {}).items():
        (path / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
        (path / "runs" / name).write_text(said)
    path.mkdir(exist_ok=True)
    return SimpleNamespace(fs=LocalFileSystem(), path=str(path))


def files(path):
    return {
        one.relative_to(path / "runs").as_posix(): one.read_text()
        for one in (path / "runs").rglob("*")
        if one.is_file()
    }


def test_of_the_run_cache_what_is_missing_is_copied(tmp_path):
    copy = otherwise.missing(StageCache.transfer)
    here, there = store(tmp_path / "here", RUNS), store(tmp_path / "there")
    theirs = StageCache.transfer(None, here, store(tmp_path / "other"))
    assert sorted(copy(None, here, there)) == sorted(theirs)
    assert files(tmp_path / "there") == files(tmp_path / "other") == RUNS
    assert copy(None, here, there) == []
    (tmp_path / "there/runs/ab/abc1/y").unlink()  # of a key that has another
    (tmp_path / "there/runs/ab/abc1/x").write_text("kept")
    assert copy(None, here, there) == [("abc1", "y")]
    assert files(tmp_path / "there") == RUNS | {"ab/abc1/x": "kept"}
    assert copy(None, store(tmp_path / "empty"), there) == []


def test_where_there_can_be_no_run_cache_dvc_says_so(tmp_path):
    remote = SimpleNamespace(fs=HTTPFileSystem.__new__(HTTPFileSystem), path="http://somewhere")
    with pytest.raises(RunCacheNotSupported, match="http"):
        otherwise.missing(StageCache.transfer)(None, store(tmp_path / "here", RUNS), remote)
