"""What a kill leaves behind, and what files say that they should not."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lazyleap.files import mask, write_folder
from lazyleap.longtail.card import _classes
from lazyleap.onnx.card import card, plain
from stages.board import Board

HTML = "<img src=x onerror=alert(1)>|`code`|[a](javascript:b)\n# c"
WRITER = """
import os, signal, sys
from pathlib import Path
from lazyleap.files import replacing
with replacing(Path(sys.argv[1])) as fresh:
    (fresh / "half.txt").write_text("half")
    print("now", flush=True)
    signal.pause()
"""


def killed_writer(folder: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "now\n"
        child.kill()
    assert child.returncode == -signal.SIGKILL


def test_the_next_writer_removes_what_a_kill_left(tmp_path):
    killed_writer(tmp_path / "run")
    killed_writer(tmp_path / "run-k5")
    assert len(list(tmp_path.iterdir())) == 2
    write_folder(tmp_path / "run", {"a.txt": "1"})
    names = [path.name for path in tmp_path.iterdir()]
    assert "run" in names
    assert [name[:8] for name in names if name != "run"] == [".run-k5-"]  # another's


def test_a_writer_at_work_keeps_its_folder(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "now\n"
        write_folder(tmp_path / "run", {"a.txt": "1"})
        left = [path for path in tmp_path.iterdir() if path.name != "run"]
        assert [(path / "fresh" / "half.txt").read_text() for path in left] == ["half"]
        child.kill()


def points(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return [event.step for event in events.Scalars("train/loss")]


def test_a_start_without_a_checkpoint_begins_its_events_anew(tmp_path):
    for _ in range(2):
        board = Board(tmp_path)
        for i in range(3):
            board.log(i, {"train/loss": 1.0})
        board.flush()  # and then a kill
    board.close()
    assert points(tmp_path) == [1, 2, 3]


def test_a_resumed_training_has_each_point_once(tmp_path):
    board = Board(tmp_path)
    for i in range(6):
        board.log(i, {"train/loss": 1.0})
    board.flush()
    with closing(Board(tmp_path, resumed=4)) as again:
        for i in range(4, 8):
            again.log(i, {"train/loss": 1.0})
    assert points(tmp_path) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_event_files_do_not_name_the_machine(tmp_path):
    for done in (0, 1):
        with closing(Board(tmp_path, done)) as board:
            board.log(done, {"train/loss": 1.0})
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == 2
    for name in names:
        assert name.startswith("events.out.tfevents.")
        assert socket.gethostname() not in name
        assert str(os.getpid()) not in name
    assert points(tmp_path) == [1, 2]


def test_every_file_is_open_to_those_that_the_umask_says(tmp_path):
    write_folder(tmp_path / "out", {"theta.safetensors": b"1", "setting.json": "{}"})
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()}
    assert modes == {0o666 & ~mask()}


def test_a_card_shows_names_and_runs_none():
    listed = {"class_names": json.dumps(["a", HTML]), "train_images": "[1, 2]"}
    rows = _classes(listed).splitlines()
    assert rows[-1].startswith("| 1 | &lt;img src=x onerror=alert(1)&gt;\\|\\`code\\`\\|\\[a\\]")
    assert len(rows) == 6  # a name is one line
    whole = card(dict.fromkeys(("run", "dataset", "licence", "citation"), HTML), "", [])
    facts = [line for line in whole.splitlines() if "<img" in line]
    assert len(facts) == 4
    for line in facts:  # as code, which nothing in it ends
        assert line.split(" | ", 1)[1].count("`") == 2
    assert plain(HTML) in whole
