"""The public files themselves, where LAZYLEAP_DATA_MIRROR names a folder that has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lazyleap.datasets import options, read
from lazyleap.datasets.content import check
from lazyleap.datasets.registry import read_registry

ROOT = Path(__file__).parents[2]
MIRROR = Path(os.environ.get("LAZYLEAP_DATA_MIRROR") or "/nonexistent")
FILES = {
    name: file
    for entry in read_registry(ROOT / "data" / "datasets.yaml").values()
    for name, file in entry.files.items()
}


def need(*names):
    missing = [name for name in names if not (MIRROR / name).is_file()]
    if missing:
        pytest.skip(f"no {missing[0]} in LAZYLEAP_DATA_MIRROR")


@pytest.mark.parametrize("name", FILES)
def test_public_files_verify(name):
    need(name)
    assert check(MIRROR / name, FILES[name])


@pytest.mark.parametrize(
    ("split", "classes"),
    [("vinyals", (4112, 688, 1692)), ("background-evaluation", (822, 142, 659))],
)
def test_omniglot(split, classes):
    need("images_background.zip", "images_evaluation.zip")
    lists = f"data/splits/omniglot-{split}"
    block = options.Omniglot(reader="omniglot", source=str(MIRROR), splits=lists, size=28)
    sets = read(block, ROOT)
    assert tuple(len(sets[name].classes) for name in ("train", "val", "test")) == classes
    assert all(len(part.images) == 20 * len(part.classes) for part in sets.values())


@pytest.mark.parametrize(
    ("reader", "classes"), [("cifar-fs", (64, 16, 20)), ("fc100", (60, 20, 20))]
)
def test_few_shot_cifar(reader, classes):
    need("cifar-100-binary.tar.gz")
    block = options.FewShotCifar(reader=reader, source=str(MIRROR), splits=f"data/splits/{reader}")
    sets = read(block, ROOT)
    assert tuple(len(sets[name].classes) for name in ("train", "val", "test")) == classes
    assert all(len(part.images) == 600 * len(part.classes) for part in sets.values())
    assert len({name for part in sets.values() for name in part.classes}) == 100
