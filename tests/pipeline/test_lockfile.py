"""dvc.lock as it is written between stages, beside DVC's own way to write it."""

from __future__ import annotations

import random
from copy import deepcopy
from pathlib import Path

import pytest
from dvc.utils.serialize import dumps_yaml, load_yaml, modify_yaml

from pipeline import lockfile

NAMES = ("validate@params", "prepare@glyphs", "train@a", "train@a-b", "evaluate@a", "report")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for place in ("ours", "theirs", ".dvc/tmp"):
        (tmp_path / place).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def entry(chance: random.Random) -> dict:
    """As DVC has them: with a command long enough to be folded, and words that want quotes."""
    words = ["python -m stages.train", "--params", f"'{'a' * chance.randrange(90)}.json'", "'run'"]
    outs = [
        {"path": chance.choice(["a", "b: c", "- d", "é", "no", "1.0"]), "hash": "md5"}
        | {"md5": "0" * 31 + "a", "size": chance.randrange(10**9), "nfiles": 2}
        for _ in range(chance.randrange(1, 4))
    ]
    return {"cmd": " ".join(words), "deps": outs, "outs": deepcopy(outs[:1])}


def both(change, ours=None) -> list[str]:
    """The texts after a change made here and one made by DVC."""
    ours = ours or lockfile.modifying(modify_yaml)
    for place, modify in (("ours", ours), ("theirs", modify_yaml)):
        with modify(str(Path(place) / "dvc.lock")) as data:
            change(data)
    return [(Path(place) / "dvc.lock").read_text() for place in ("ours", "theirs")]


def begin(text: str | None = None) -> None:
    first = {"schema": "2.0", "stages": {NAMES[0]: entry(random.Random(0))}}
    for place in ("ours", "theirs"):
        (Path(place) / "dvc.lock").write_text(dumps_yaml(first) if text is None else text)


@pytest.mark.parametrize("seed", range(20))
def test_stages_are_written_as_dvc_writes_them(seed):
    chance = random.Random(seed)
    begin()
    for _ in range(8):
        new = {name: entry(chance) for name in chance.sample(NAMES, chance.randrange(1, 3))}
        mine, theirs = both(lambda data, new=new: data["stages"].update(new))
        assert mine == theirs
    assert not [*Path(".dvc/tmp").iterdir()]


def test_dvc_is_not_asked_where_one_stage_changes():
    def never(*_: object, **__: object):
        raise AssertionError("DVC parses the whole file")

    begin()
    with lockfile.modifying(never)("ours/dvc.lock") as data:
        data["stages"]["report"] = {"cmd": "new"}
    assert load_yaml("ours/dvc.lock")["stages"]["report"] == {"cmd": "new"}


def test_what_somebody_else_wrote_meanwhile_stays():
    begin()
    ours = lockfile.modifying(modify_yaml)
    both(lambda data: data["stages"].update({"train@a": {"cmd": "first"}}), ours)
    for place in ("ours", "theirs"):
        with modify_yaml(str(Path(place) / "dvc.lock")) as data:
            data["stages"]["evaluate@a"] = {"cmd": "another's"}
    mine, theirs = both(lambda data: data["stages"].update({"train@a": {"cmd": "second"}}), ours)
    assert mine == theirs
    assert "another's" in mine


LOCK = "schema: '2.0'\nstages:\n  train@a:\n    cmd: x\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"# mine\n{LOCK}",
        LOCK.replace("'2.0'", '"2.0"'),
        LOCK.replace("train@a", "'train@ä b'"),
        f"{LOCK}datasets: []\n",
        "schema: '2.0'\nstages: {}\n",
        LOCK.replace("cmd: x", "cmd: |-\n      x\n      y"),
    ],
    ids=["nothing", "comment", "quotes", "name", "data sets", "no stage", "block"],
)
def test_what_is_not_as_dvc_writes_it_is_left_to_dvc(text):
    begin(text)

    def change(data):
        data.update({"schema": "2.0"})
        data.setdefault("stages", {})
        data["stages"].update({"train@b": {"cmd": "y"}})

    mine, theirs = both(change)
    assert mine == theirs
    assert "train@b" in mine


def test_a_stage_that_goes_and_another_key_are_written_too():
    begin()
    both(lambda data: data["stages"].update({name: {"cmd": name} for name in NAMES}))
    mine, theirs = both(lambda data: data["stages"].pop("train@a"))
    assert mine == theirs
    mine, theirs = both(lambda data: data.update({"datasets": [{"name": "x"}]}))
    assert mine == theirs


def test_other_files_are_dvc_s_own():
    for place in ("ours", "theirs"):
        (Path(place) / "dvc.yaml").write_text("stages:\n  a:\n    cmd: x  # a word\n")
    for place, modify in (("ours", lockfile.modifying(modify_yaml)), ("theirs", modify_yaml)):
        with modify(f"{place}/dvc.yaml") as data:
            data["stages"]["a"]["cmd"] = "y"
    assert Path("ours/dvc.yaml").read_text() == Path("theirs/dvc.yaml").read_text()
    assert "# a word" in Path("ours/dvc.yaml").read_text()


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_write_that_fails_leaves_the_old_lock(monkeypatch):
    begin()
    before = Path("ours/dvc.lock").read_text()

    monkeypatch.setattr(Path, "replace", _full)
    with (
        pytest.raises(OSError, match="No space"),
        lockfile.modifying(modify_yaml)("ours/dvc.lock") as data,
    ):
        data["stages"]["train@a"] = {"cmd": "x"}
    assert Path("ours/dvc.lock").read_text() == before
    assert not [*Path(".dvc/tmp").iterdir()]


@pytest.mark.parametrize("fails", ["the writing", "who changes it"])
def test_after_a_failure_a_change_is_still_one(monkeypatch, fails):
    """What was to be written is no part of what is known to be there."""
    begin()
    ours = lockfile.modifying(modify_yaml)
    both(lambda data: data["stages"].update({"train@a": {"cmd": "first"}}), ours)

    def change(data):
        data["stages"]["train@a"] = {"cmd": "second"}
        if fails == "who changes it":
            _full()

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", _full)
        with pytest.raises(OSError, match="No space"):
            both(change, ours)
    mine, theirs = both(lambda data: data["stages"].update({"train@a": {"cmd": "second"}}), ours)
    assert mine == theirs
    assert "second" in mine
