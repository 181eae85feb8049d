"""The stage with many images: streamed, in parallel, the same to the bit, and never half done."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from lazyleap.datasets import images
from lazyleap.errors import InputError
from stages.prepare import main
from tests.conftest import ROOT

TASK, SIDE, CLASSES, EACH = "glyphs", 8, 3, 20
DRAW = {"way": 2, "shot": 1, "query": 2, "validation_episodes": 3, "test_episodes": 4, "seed": 0}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Three classes a split of twenty images each, of several sizes and forms."""
    monkeypatch.chdir(tmp_path)
    fill(EACH)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    task = params["tasks"][TASK]
    task["dataset"] = {
        **{"reader": "image-folder", "source": "mine", "size": SIDE, "channels": 3},
        "min_images": 3,
    }
    task["draw"] = DRAW
    task["training"]["way"] = DRAW["way"]
    runs = {name: run for name, run in params["runs"].items() if run["task"] == TASK}
    params |= {"tasks": {TASK: task}, "runs": runs, "surrogates": {}, "targets": {}}
    Path("params.yaml").write_text(json.dumps(params))
    return tmp_path


def fill(count: int, side: int = 9) -> None:
    chance = np.random.default_rng(count)
    for split in ("train", "val", "test"):
        for label in range(CLASSES):
            folder = Path("mine") / split / f"{split}-{label}"
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                pixels = chance.integers(0, 256, (side + number % 3, side, 3), np.uint8)
                form = "jpg" if number % 4 == 0 else "png"
                Image.fromarray(pixels).save(folder / f"{number:04}.{form}")


def made() -> dict[str, bytes]:
    files = (path for path in Path("data").rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}


def by_workers(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(images, "cores", lambda: count)


def whole(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels, one after another, as Pillow reads them."""
    found, labels = [], []
    for label in range(CLASSES):
        for path in sorted((Path("mine") / split / f"{split}-{label}").iterdir()):
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE)))
            found.append(pixels.transpose(2, 0, 1))
            labels.append(label)
    return np.stack(found), np.array(labels, np.int64)


def test_any_number_of_workers_writes_what_numpy_would(project, monkeypatch):
    contents = []
    for count in (1, 4):
        by_workers(monkeypatch, count)
        main(TASK)
        contents.append(made())
    assert contents[0] == contents[1]
    folder = Path("data/prepare/quick") / TASK
    total = hashlib.sha256()
    for split in ("train", "val"):
        arrays = whole(split)
        names = [f"{split}-{label}" for label in range(CLASSES)]
        total.update(json.dumps([split, names, arrays[0].shape]).encode())
        for kind, array in zip(("images", "labels"), arrays, strict=True):
            total.update(array.tobytes())
            np.save("wanted.npy", array)
            file = folder / "train/images" / f"{split}_{kind}.npy"
            assert file.read_bytes() == Path("wanted.npy").read_bytes()
    info = json.loads((folder / "train/images/dataset.json").read_text())
    assert info["digest"] == total.hexdigest()
    pixels = whole("train")[0] / 255
    assert info["mean"] == pytest.approx(list(pixels.mean((0, 2, 3))), abs=1e-6)
    assert info["std"] == pytest.approx(list(pixels.std((0, 2, 3))), abs=1e-6)
    assert json.loads((folder / "test/images/dataset.json").read_text())["std"] == info["std"]


@pytest.mark.parametrize("count", [1, 4])
def test_the_first_broken_image_is_named_and_nothing_is_written(project, monkeypatch, count):
    by_workers(monkeypatch, count)
    for name in ("val-1/0010.png", "val-1/0011.png", "val-2/0003.png"):
        (Path("mine/val") / name).write_bytes(b"no image")
    with pytest.raises(InputError) as error:
        main(TASK)
    assert "image mine/val/val-1/0010.png cannot be read" in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(Path("data").rglob("*.*"))


def test_how_far_it_is_is_said(project, monkeypatch, capsys):
    monkeypatch.setenv("LAZYLEAP_PROGRESS_SECONDS", "0")
    main(TASK)
    said = capsys.readouterr().err.splitlines()
    assert said[29].startswith("prepare glyphs 30/60 50% eta")
    assert len(said) == 3 * CLASSES * EACH


KILLED = f"""
import os, signal
from stages import prepare
said = prepare.Told.__call__
def told(self, done, total):
    said(self, done, total)
    if done == {{at}} and self.arrays == {{arrays}}:
        os.kill(os.getpid(), signal.SIGKILL)
prepare.Told.__call__ = told
prepare.main("{TASK}")
"""


def child(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_kill_leaves_what_was_there_and_the_next_run_clears_up(project):
    main(TASK)
    before = made()
    (Path("mine/train/train-0/0000.jpg")).unlink()
    killed = child(KILLED.format(at=7, arrays=2))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = set(made()) - set(before)
    assert left
    assert all("/.glyphs-" in path for path in left)
    assert before.items() <= made().items()
    main(TASK)
    assert set(made()) == set(before)
    assert len(np.load("data/prepare/quick/glyphs/train/images/train_images.npy")) == 59


GROWN = f"""
from pathlib import Path
from stages import prepare
from tests.datasets import test_prepare_many as here

def most():
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line[:5] == "VmHWM")

prepare.main("{TASK}")
few = most()
here.fill({4 * EACH})
prepare.main("{TASK}")
print(most() - few)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(project):
    """Of 540 more images of 256 x 256 not a quarter is held at a time."""
    params = json.loads(Path("params.yaml").read_text())
    params["tasks"][TASK]["dataset"]["size"] = 256
    Path("params.yaml").write_text(json.dumps(params))
    grown = child(GROWN)
    assert grown.returncode == 0, grown.stderr
    decoded = 3 * CLASSES * 3 * EACH * 3 * 256**2
    assert int(grown.stdout) * 2**10 < decoded / 4
