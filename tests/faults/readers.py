"""Every reader of files that anyone may have made, with a small file that it takes.

``SUBJECTS`` by name: which file is spoilt, by what, and how it is read. Making the files is slow
where a network is in them, so it is done once a folder.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lazyleap.arrays import read_npz
from lazyleap.attack.chosen import Chosen
from lazyleap.classifiers import store as classifiers
from lazyleap.datasets import fonts, images, options, read, splits, store
from lazyleap.datasets.registry import read_registry
from lazyleap.errors import InputError
from lazyleap.fewshot.episodes import Episodes
from lazyleap.items import Items
from lazyleap.longtail.profile import LongTail
from lazyleap.training import checkpoint
from stages import contents, trained
from tests.faults import mutate
from tests.faults.sound import (
    answer,
    arrays,
    ask,
    cifar,
    classifier,
    drawn,
    folders,
    font,
    learned,
    lists,
    mnist,
    model,
    omniglot,
    picture,
    tar,
)
from tests.handmade import images as handmade

CPU = torch.device("cpu")
SLOWEST = 10.0  # CPU seconds a file may take


@dataclass(frozen=True)
class Subject:
    """A reader: ``make`` writes what it takes into a folder, ``file`` of which is spoilt."""

    file: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    spoil: mutate.Mutate = mutate.binary


@dataclass
class Tally:
    """What came of many spoilt files."""

    refused: int = 0
    taken: int = 0
    slowest: float = 0.0


def attack(subject: Subject, folder: Path, numbers: range) -> Tally:
    """Read as many mutants; a mutant that is neither taken nor refused in a sentence is raised.

    Raises:
        AssertionError: with the mutant's number.
    """
    found, path = Tally(), folder / subject.file
    whole = path.read_bytes()
    try:
        for number in numbers:
            path.write_bytes(subject.spoil(whole, random.Random(f"{subject.file} {number}")))
            start = time.process_time()
            one(subject, folder, number, found)
            found.slowest = max(found.slowest, time.process_time() - start)
            assert found.slowest < SLOWEST, f"hangs: mutant {number}: {found.slowest:.1f} s"
    finally:
        path.write_bytes(whole)
    return found


def one(subject: Subject, folder: Path, number: int, found: Tally) -> None:
    """Read one mutant and count it."""
    try:
        subject.read(folder)
        found.taken += 1
    except InputError as error:
        words = str(error)
        assert len(words) < 1500 + len(str(folder)), f"sentence: mutant {number}: {words[:300]}"
        assert "\n" not in words, f"sentence: mutant {number}: {words}"
        assert str(folder) in words, f"sentence: mutant {number}: {words}"
        found.refused += 1
    except Exception as error:
        words = f"traceback: mutant {number}: {type(error).__name__}: {error}"
        raise AssertionError(words) from error


def open_set(folder: Path) -> None:
    found = store.load(folder / "set").split("train")
    found.images.sum(), found.labels.sum()


def read_omniglot(folder: Path) -> object:
    block = {"reader": "omniglot", "source": str(folder), "splits": str(folder), "size": 28}
    return read(options.Omniglot(**block), Path())


def read_cifar(folder: Path) -> object:
    block = {"reader": "cifar-fs", "source": str(folder), "splits": str(folder)}
    return read(options.FewShotCifar(**block), Path())


def read_mnist(folder: Path) -> object:
    return read(options.Mnist(reader="mnist", source=str(folder)), Path())


def read_folder(folder: Path) -> object:
    division = {"test": 0.5, "seed": 0}
    block = {"reader": "image-folder", "source": str(folder / "images"), "size": 8, "channels": 3}
    return read(options.ImageFolder(**block, min_images=2, divide=division), Path())


def read_font(folder: Path) -> object:
    from matplotlib.ft2font import FT2Font
    from PIL import ImageFont

    path = folder / "face.ttf"
    fonts._readable(lambda _: FT2Font(str(path)).get_charmap(), str(path))
    return fonts._readable(lambda _: ImageFont.truetype(path, 16).getmask("("), str(path))


def _picture(form: str, **how: Any) -> Subject:
    def make(folder: Path) -> None:
        (folder / f"picture.{form}").write_bytes(picture(form, **how))

    def decode(folder: Path) -> object:
        return images.decode(folder / f"picture.{form}", 16, 3, crop=True)

    return Subject(f"picture.{form}", make, decode)


SUBJECTS = {
    "zip": Subject("images_background.zip", omniglot, read_omniglot),
    "split list": Subject(
        "train.txt", lists, lambda f: splits.lines(str(f), "train"), mutate.binary
    ),
    "split list, JSON": Subject(
        "train.json", lists, lambda f: splits.entries(str(f), "train"), mutate.text
    ),
    "split list, CIFAR": Subject("train.json", cifar, read_cifar, mutate.text),
    "split list, table": Subject(
        "train.csv", lists, lambda f: splits.table(str(f), "train"), mutate.text
    ),
    "split list, packed": Subject("val.csv.gz", lists, lambda f: splits.table(str(f), "val")),
    "registry": Subject(
        "datasets.yaml", lists, lambda f: read_registry(f / "datasets.yaml"), mutate.text
    ),
    "CIFAR (tar)": Subject("cifar-100-binary.tar.gz", cifar, read_cifar, tar),
    "IDX images": Subject("train-images-idx3-ubyte.gz", mnist, read_mnist, tar),
    "IDX labels": Subject("train-labels-idx1-ubyte.gz", mnist, read_mnist, tar),
    "image folder": Subject("images/a/1.png", folders, read_folder),
    **{form: _picture(form) for form in ("png", "jpeg", "bmp", "gif", "webp", "ppm")},
    "tiff": _picture("tiff", compression="tiff_lzw"),
    "font": Subject("face.ttf", font, read_font),
    "ONNX to attack": Subject("model.onnx", model, lambda f: ask(f / "model.onnx")),
    "ONNX to predict": Subject("model.onnx", model, answer),
    "safetensors": Subject("theta.safetensors", learned, lambda f: trained.load_theta(f, CPU)),
    "classifier's weights": Subject(
        "model.safetensors", classifier, lambda f: classifiers.load_network(f, CPU)
    ),
    "classifier.json": Subject(
        "classifier.json", classifier, lambda f: classifiers.load_network(f, CPU), mutate.text
    ),
    "setting.json": Subject("setting.json", learned, trained.load_setting, mutate.text),
    "parameters": Subject(
        "given.json",
        learned,
        lambda f: contents.read(f / "given.json", "train", "a"),
        mutate.text,
    ),
    "checkpoint": Subject(
        "checkpoint.pt", learned, lambda f: checkpoint.load(f / "checkpoint.pt", CPU)
    ),
    "npz of items": Subject("items.npz", drawn, lambda f: Items.load(f / "items.npz")),
    "npz of episodes": Subject(
        "episodes.npz", drawn, lambda f: Episodes.load(f / "episodes.npz", 6)
    ),
    "npz of images": Subject(
        "chosen.npz", drawn, lambda f: Chosen.load(f / "chosen.npz", handmade(0, [3, 3], 8))
    ),
    "npz of a long tail": Subject(
        "longtail.npz", drawn, lambda f: LongTail.load(f / "longtail.npz", 2, 6)
    ),
    "npz": Subject("items.npz", drawn, lambda f: read_npz(f / "items.npz", "no numbers")),
    "npy": Subject("set/train_images.npy", arrays, open_set),
    "npy of labels": Subject("set/train_labels.npy", arrays, open_set),
    "dataset.json": Subject("set/dataset.json", arrays, open_set, mutate.text),
}
